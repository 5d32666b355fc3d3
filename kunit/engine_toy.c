// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine over the toy formats.
 */
#include "engine.h"

#include "flat.h"
#include "toy.h"

DEFINE_VMEM_ENGINE(over_toy, toy_format, guest_ops, guest_ops.read);
DEFINE_WHOLE(over_toy, toy_format, guest_ops);

const struct engine engine_toy = {
	.name	= "toy",
	.fmt	= &toy_format,
	.rules	= &toy_rules,
	.core	= &over_toy,
	WHOLE_OF(over_toy)
};

DEFINE_VMEM_ENGINE(over_flat, flat_format, guest_ops, guest_ops.read);
DEFINE_WHOLE(over_flat, flat_format, guest_ops);

const struct engine engine_flat = {
	.name	= "flat",
	.fmt	= &flat_format,
	.rules	= &flat_rules,
	.core	= &over_flat,
	WHOLE_OF(over_flat)
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine over each format, the toys apart.
 */
#include "../vmem/formats.h"
#include "engine.h"

#define ENGINE(_name, _format)						\
	DEFINE_VMEM_ENGINE(over_##_name, vmem_fmt_##_format, guest_ops,	\
			   guest_ops.read);				\
	DEFINE_WHOLE(over_##_name, vmem_fmt_##_format, guest_ops);

VMEM_ENGINES(ENGINE)

#define FORMAT(_id, _name, _engine, ...)				\
const struct engine engine_##_name = {					\
	.name	= #_name,						\
	.fmt	= &vmem_fmt_##_name,					\
	.rules	= &_name##_rules,					\
	.core	= &over_##_engine,					\
	WHOLE_OF(over_##_engine)					\
};

VMEM_FORMATS(FORMAT)

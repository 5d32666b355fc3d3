/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work on the tables of a guest, in holds of its lock and in pieces.
 */
#ifndef _VMEM_MODULE_WORK_H
#define _VMEM_MODULE_WORK_H

#include "residency.h"

#define VMEM_WORK_PIECES	16	/* a hold: 1,024 tables */
#define VMEM_WORK_FIRM		4096

struct vmem_work;

/**
 * struct vmem_work_ops - what is to be done
 * @alone:	nobody else has the guest meanwhile
 * @take:	the guest is held: look objects up. 0, -errno; NULL: nothing to do
 * @piece:	go on, for one piece. As the engine answers: VMEM_ABSENT;
 *		VMEM_PAUSE; more than 0, too: let the guest go, and call again;
 *		VMEM_LINKS or -ENOBUFS: and get storage before; else it is over
 * @leave:	the guest is about to be let go, after pieces of which the last one
 *		answered @ret; NULL: nothing to do. Returns what is to be answered.
 * @storage:	get storage, with no lock held. 0, -errno; NULL where none is
 *		asked for
 */
struct vmem_work_ops {
	bool alone;
	int (*take)(struct vmem_work *work);
	int (*piece)(struct vmem_work *work);
	int (*leave)(struct vmem_work *work, int ret);
	int (*storage)(struct vmem_work *work);
};

/**
 * struct vmem_work - work that is being done
 * @piece:	context of the ops of the engine
 * @ops:	what is to be done
 * @nr_pieces:	in this hold
 * @firm:	it doesn't let the guest go for those who wait, for VMEM_WORK_FIRM
 *		pieces
 */
struct vmem_work {
	struct vmem_piece piece;
	const struct vmem_work_ops *ops;
	unsigned int nr_pieces;
	bool firm;
};

void vmem_work_init(struct vmem_work *work, struct vmem_guest *guest,
		    const struct vmem_work_ops *ops);
void vmem_work_exit(struct vmem_work *work);
int vmem_work_run(struct vmem_work *work);

#endif /* _VMEM_MODULE_WORK_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a space is expected to show, and a vCPU that looks, see live.h.
 */
#define _GNU_SOURCE
#include <string.h>

#include "live.h"

static struct view_page *find(const struct view *view, __u64 va)
{
	size_t i;

	for (i = 0; i < view->nr; i++)
		if (view->pages[i].va == va)
			return (struct view_page *)&view->pages[i];
	return NULL;
}

void view_set(struct view *view, __u64 va, __u64 gpa, __u64 len, __u32 attrs)
{
	struct view_page *page;
	__u64 at;

	for (at = 0; at < len; at += PAGE) {
		page = find(view, va + at);
		if (!page) {
			ASSERT(view->nr < VIEW_PAGES_MAX);
			page = &view->pages[view->nr++];
		}
		*page = (struct view_page){
			.va = va + at, .gpa = attrs ? gpa + at : 0, .attrs = attrs,
		};
	}
}

void expect_translated(struct vmem_guest *vmem, __u32 space,
		       const struct view *view)
{
	size_t i;

	for (i = 0; i < view->nr; i++) {
		const struct view_page *page = &view->pages[i];
		struct vmem_ioc_result result = translate(vmem, space, page->va);
		__u32 have = result.status == VMEM_IOC_OK ?
			     result.effective & (R | W | X) : 0;

		if (have == page->attrs && (!have || result.gpa == page->gpa))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "vmem, 0x%llx: status %u, 0x%llx, permissions 0x%x; not 0x%llx, 0x%x",
			  page->va, result.status, result.gpa, have, page->gpa,
			  page->attrs);
		return;
	}
}

/* What a probe is expected to meet. */
struct met {
	__u64 gpa;
	__u32 attrs;
};

/* The last write to a frame is in memory. */
static void expect_word(struct world *w, const struct met *met, size_t n, size_t nr)
{
	const volatile struct live_probe *p = w->box->probes;
	size_t k;

	for (k = n + 1; k < nr; k++)
		if (met[k].gpa == met[n].gpa && p[k].access == LIVE_WRITE &&
		    met[k].attrs & W)
			return;
	EXPECT_EQ(world_word(w, met[n].gpa + LIVE_WRITE_AT), p[n].value);
}

static bool expect_chunk(struct world *w, const struct met *met, size_t nr)
{
	const volatile struct live_probe *p = w->box->probes;
	__u64 want, gpa;
	size_t i;

	for (i = 0; i < nr; i++) {
		gpa = met[i].gpa;
		if (p[i].access == LIVE_WRITE)
			want = (__u64)p << 32 | i;
		else
			want = met[i].attrs ? world_word(w, gpa + LIVE_READ_AT) : 0;
		if (!probe_was(&p[i], met[i].attrs, want))
			return false;
		if (p[i].access == LIVE_WRITE && met[i].attrs & W)
			expect_word(w, met, i, nr);
	}
	return true;
}

/* A page of a view, or one beside it. */
static void choose(struct world *w, const struct view *view, struct met *met,
		   size_t n, __u64 *seed)
{
	const struct view_page *page = &view->pages[chance(seed) % view->nr];
	__u64 va = page->va, access = chance(seed) % 3;

	if (!(chance(seed) % 8)) {
		va += PAGE;
		page = find(view, va);
	}
	*met = (struct met){
		.gpa = page ? page->gpa : 0, .attrs = page ? page->attrs : 0,
	};
	probe_add(w, view->root, va, access, (__u64)w->box->probes << 32 | n);
}

void expect_views(struct world *w, struct view *const *views, size_t nr_views,
		  size_t nr, __u64 *seed)
{
	struct met met[LIVE_PROBES_MAX];
	size_t n, i;

	for (; nr; nr -= n) {
		n = nr < LIVE_PROBES_MAX ? nr : LIVE_PROBES_MAX;
		w->box->nr = 0;
		for (i = 0; i < n; i++)
			choose(w, views[chance(seed) % nr_views], &met[i], i, seed);
		world_run(w, LIVE_PROBE);
		if (!expect_chunk(w, met, n))
			return;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU on a thread of its own, see live.h. To hold it, a signal brings its
 * thread out of KVM_RUN, and the handler waits until it is let run.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live.h"

/* Only against hanging, seconds. */
#define PATIENCE	120

static int gate[2];		/* a byte lets the thread through */
static bool held;		/* it waits there */

static void wait_at_gate(int signal)
{
	int saved = errno;
	char byte;

	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
	while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	errno = saved;
}

static bool wait_for_serving(struct runner *r)
{
	bool ended;

	pthread_mutex_lock(&r->lock);
	r->faulted = true;
	pthread_cond_broadcast(&r->changed);
	while (r->faulted && !r->ended)
		pthread_cond_wait(&r->changed, &r->lock);
	ended = r->ended;
	pthread_mutex_unlock(&r->lock);
	return !ended;
}

static void end(struct runner *r, const char *why)
{
	pthread_mutex_lock(&r->lock);
	strncpy(r->why, why, sizeof(r->why) - 1);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void *run(void *arg)
{
	struct runner *r = arg;
	struct vcpu_exit exit;

	for (;;) {
		if (vcpu_run(r->w->vcpu, &exit)) {
			end(r, "KVM_RUN has failed");
			return NULL;
		}
		if (exit.event == VCPU_OUT) {
			end(r, "the program has left its loop");
			return NULL;
		}
		if (exit.event == VCPU_STOPPED) {
			end(r, exit.why);
			return NULL;
		}
		if (!probe_faulted(r->w) && !wait_for_serving(r))
			return NULL;
	}
}

void runner_start(struct runner *r, struct world *w, enum live_op op)
{
	struct sigaction action = { .sa_handler = wait_at_gate };

	memset(r, 0, sizeof(*r));
	r->w = w;
	w->box->op = op;
	ASSERT(!pipe(gate));
	ASSERT(!sigaction(SIGUSR1, &action, NULL));
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	ASSERT(!pthread_create(&r->thread, NULL, run, r));
}

static void tell_end(struct runner *r)
{
	const volatile struct live_box *box = r->w->box;

	ktap_fail(__FILE__, __LINE__,
		  "the vCPU has ended: %s; saw %llu at 0x%llx: 0x%llx, not 0x%llx",
		  r->why, box->wrong, box->wrong_va, box->wrong_have,
		  box->wrong_want);
	ktap_give_up();
}

void runner_expect_running(struct runner *r)
{
	if (__atomic_load_n(&r->ended, __ATOMIC_ACQUIRE))
		tell_end(r);
	if (!__atomic_load_n(&r->faulted, __ATOMIC_ACQUIRE))
		return;
	ktap_fail(__FILE__, __LINE__,
		  "a fault at 0x%llx, vector %llu, error 0x%llx, that nothing explains",
		  r->w->frame->cr2, r->w->frame->vector, r->w->frame->error);
	ktap_give_up();
}

void runner_stop(struct runner *r)
{
	time_t last = time(NULL) + PATIENCE;

	r->w->box->stop = 1;
	while (!__atomic_load_n(&r->ended, __ATOMIC_ACQUIRE) && time(NULL) < last)
		usleep(20);
	ASSERT(r->ended);
	ASSERT(!pthread_join(r->thread, NULL));
	close(gate[0]);
	close(gate[1]);
	if (r->w->box->wrong || strcmp(r->why, "the program has left its loop"))
		tell_end(r);
}

void runner_hold(struct runner *r)
{
	time_t last = time(NULL) + PATIENCE;

	pthread_kill(r->thread, SIGUSR1);
	while (!__atomic_load_n(&held, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&r->ended, __ATOMIC_SEQ_CST) && time(NULL) < last)
		usleep(20);
	if (r->ended)
		tell_end(r);
	ASSERT(held);
}

void runner_let_run(struct runner *r)
{
	__atomic_store_n(&held, false, __ATOMIC_SEQ_CST);
	ASSERT_EQ(write(gate[1], "", 1), 1);
}

void runner_await_fault(struct runner *r)
{
	struct timespec last;

	clock_gettime(CLOCK_REALTIME, &last);
	last.tv_sec += PATIENCE;
	pthread_mutex_lock(&r->lock);
	while (!r->faulted && !r->ended)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &last))
			break;
	pthread_mutex_unlock(&r->lock);
	if (r->ended)
		tell_end(r);
	ASSERT(r->faulted);
}

void runner_served(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	r->faulted = false;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void runner_await_rounds(struct runner *r, __u64 nr)
{
	volatile struct live_box *box = r->w->box;
	__u64 rounds = box->rounds + nr;
	time_t last = time(NULL) + PATIENCE;

	while (box->rounds < rounds && time(NULL) < last) {
		runner_expect_running(r);
		usleep(20);
	}
	ASSERT(box->rounds >= rounds);
}

void runner_probe(struct runner *r)
{
	volatile struct live_box *box = r->w->box;
	time_t last = time(NULL) + PATIENCE;

	box->ask++;
	while (box->answered != box->ask && time(NULL) < last) {
		runner_expect_running(r);
		usleep(20);
	}
	ASSERT_EQ(box->answered, box->ask);
}

/*
 * Repeatable randomness (xoshiro256**, seeded by splitmix64): for jitter, fault
 * plans, generators and the simulator. Never for secrets: those are the
 * kernel's (loop/entropy.h).
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include "base/def.h"

struct rnd {
    uint64_t s[4];
};

void rnd_seed(struct rnd *r, uint64_t seed);
uint64_t rnd_u64(struct rnd *r);
uint64_t rnd_below(struct rnd *r, uint64_t n);    /* 0 .. n-1; n > 0 */
double rnd_unit(struct rnd *r);                   /* 0 <= x < 1 */
bool rnd_chance(struct rnd *r, double p);

#endif

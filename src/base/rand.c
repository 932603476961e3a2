#include "base/rand.h"

#include "base/check.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rnd_seed(struct rnd *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t rnd_u64(struct rnd *r)
{
    uint64_t result = rotl(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return result;
}

uint64_t rnd_below(struct rnd *r, uint64_t n)
{
    CHECK(n > 0);
    return (uint64_t) (((unsigned __int128) rnd_u64(r) * n) >> 64);
}

double rnd_unit(struct rnd *r)
{
    return (double) (rnd_u64(r) >> 11) * 0x1.0p-53;
}

bool rnd_chance(struct rnd *r, double p)
{
    return rnd_unit(r) < p;
}

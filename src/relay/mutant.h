/*
 * Planted bugs, for the simulator to catch (tests/sim/README.md). In the real
 * program every MUTANT() is the constant false and leaves no code behind; only
 * the simulator's own build of relay/ defines RELAY_MUTANTS.
 */
#ifndef RELAY_MUTANT_H
#define RELAY_MUTANT_H

#ifdef RELAY_MUTANTS

enum relay_mutant {
    MUTANT_NONE,
#define MUTANT_ROW(name, text) MUTANT_##name,
#include "relay/mutant.def"
#undef MUTANT_ROW
    RELAY_MUTANT_COUNT
};

extern enum relay_mutant relay_mutant;    /* the simulator's */

#define MUTANT(name) (relay_mutant == MUTANT_##name)
#else
#define MUTANT(name) false
#endif

#endif

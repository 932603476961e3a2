/*
 * Huge pages for a process that holds much and touches all of it all the time:
 * what its heap grows by, beyond HUGE_HEAP_SMALL, is asked to lie on them. Thousands
 * of messages in flight lie on ten times as many small pages as a processor
 * remembers, and each page that it has forgotten costs a walk through tables.
 *
 * A small process stays as small as it is. A kernel without huge pages, or one
 * told never to use them, changes nothing.
 */
#ifndef LOOP_HUGE_HEAP_H
#define LOOP_HUGE_HEAP_H

enum { HUGE_HEAP_SMALL = 8 << 20, HUGE_HEAP_PAGE = 2 << 20 };

/* For the whole process, once, before its first thread. */
void huge_heap_use(void);

#endif

/*
 * For net/ alone: memory for nghttp2, which asks for a dozen small pieces a
 * stream and gives them back soon after. Pieces are kept by size and used
 * again; nothing is given back before the end, so it holds what the busiest
 * moment needed.
 */
#ifndef NET_H2_MEM_H
#define NET_H2_MEM_H

#include <nghttp2/nghttp2.h>

struct h2_mem;

struct h2_mem *h2_mem_make(void);
void h2_mem_free(struct h2_mem *m);    /* after all sessions that use it */
/* For nghttp2_session_*_new3(). */
nghttp2_mem *h2_mem_functions(struct h2_mem *m);

#endif

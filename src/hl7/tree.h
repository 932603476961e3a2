/*
 * A message as the tree that people see: segments, fields, repetitions, components, subcomponents, with the names
 * that the standard gives to segments and to the fields of common ones. Empty parts are left out.
 *
 * A value is patient data unless `open` says that it only tells what kind of message this is; whoever shows one
 * masks it with hl7_tree_mask() unless somebody asked for it.
 */
#ifndef HL7_TREE_H
#define HL7_TREE_H

#include "base/buf.h"
#include "hl7/msh.h"

struct hl7_tree_node {
    enum { HL7_TREE_SEGMENT, HL7_TREE_FIELD, HL7_TREE_COMPONENT, HL7_TREE_SUBCOMPONENT } kind;
    struct bytes segment;        /* its id */
    unsigned occurrence;         /* of segments with this id, from 1 */
    unsigned field, repetition;  /* repetition 0: there is only one */
    unsigned component, subcomponent;
    const char *name;            /* of the segment or field; "": not known, or a part of a field */
    bool leaf;                   /* value is all there is below */
    bool open;
    struct bytes value;          /* of leaves, as it stands in the message */
};

typedef void hl7_tree_fn(void *ctx, const struct hl7_tree_node *node);

/* Segments may end in CR, LF or both. False: it does not begin with a header segment. */
bool hl7_tree_walk(struct bytes message, hl7_tree_fn *fn, void *ctx);
/* "OBX[2]-5[1].1.2"; of a segment "OBX[2]". [1] of a segment is left out. Appends. */
void hl7_tree_path(const struct hl7_tree_node *node, struct buf *out);
/* A '*' for each character (of UTF-8; else for each byte). Appends. */
void hl7_tree_mask(struct bytes value, struct buf *out);

#endif

/*
 * The command that goes on with a copy which did not come to its end.
 *
 * Promises a command that a shell reads back byte for byte, and that its
 * operands mean what they meant: DEST may be there now where it was not, and a
 * directory would then be copied into.
 *
 * Runs in: the master.  Blocks: never.  Allocates: the text.  Owns: nothing.
 */
#pragma once

#include "cli/options.h"
#include "master/operands.h"

/* @argv as main() was given it and options_parse() has left it. Returns the
 * command, to be freed by the caller. */
char *resume_hint(char *const *argv, const struct options *options, const struct operands *operands);

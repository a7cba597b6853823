/*
 * Usage text.
 *
 * Promises that every option in the parser's table is in --help, once.
 *
 * Runs in: the master, before the first fork.  Blocks: as write(2) does.
 * Allocates: no.  Owns: nothing.
 */
#pragma once

/* Writes the help to stdout. */
void usage_print_help(void);

/* Writes name, version and licence to stdout. */
void usage_print_version(void);

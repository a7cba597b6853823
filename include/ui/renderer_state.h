/*
 * What a face keeps between two calls. For the faces only.
 *
 * Promises the layout of struct renderer to src/ui/renderer*.c.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.
 * Owns: nothing (@state is the face's, from its start to its finish).
 */
#pragma once

#include "ui/renderer.h"

struct renderer {
	const struct renderer_face *face; /* NULL: shows nothing */
	void *state;                      /* the face's own; NULL before start and after finish */
	bool finished;
	bool title;                       /* the window's title is ours */
	char last_title[64];
};

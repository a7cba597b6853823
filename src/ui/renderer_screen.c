#include "ui/renderer_state.h"

const struct renderer_face renderer_screen = {
	.name = "screen",
};

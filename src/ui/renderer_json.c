#include "ui/renderer_state.h"

const struct renderer_face renderer_json = {
	.name = "json",
};

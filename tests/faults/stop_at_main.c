/*
 * Preloaded into the program under test: stops it once its libraries are
 * loaded, so that strace can be attached and counts the program's own system
 * calls, not the loader's.
 */
#include <signal.h>

__attribute__((constructor)) static void stop_here(void)
{
	raise(SIGSTOP);
}

/*
 * attack A B [A B]...: exchanges the entries A and B, and the next two, and so on
 * over and over, as fast as the kernel can, until SIGTERM; then says how often.
 * Where one of a pair is not there (yet), it goes on to the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

int main(int argc, char **argv)
{
	unsigned long long swaps = 0;

	if (argc < 3 || argc % 2 == 0)
		return 2;
	signal(SIGTERM, on_term);
	while (!over) {
		for (int i = 1; i < argc && !over; i += 2) {
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE) == 0) {
				swaps++;
			} else if (errno != ENOENT && errno != ENOTDIR) {
				perror("attack");
				return 1;
			}
		}
	}
	printf("%llu\n", swaps);
	return 0;
}

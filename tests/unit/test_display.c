/* Names as a terminal may show them, and what the terminal makes of them. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/display.h"

#define CJK "\xe6\xbc\xa2\xe5\xad\x97"             /* two characters, four columns */
#define E_ACUTE "e\xcc\x81"                        /* e and a combining accent */
#define FAMILY "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9" /* two faces with a joiner */
#define EMOJI "\xf0\x9f\x98\x80"

static void assert_escaped(const char *name, const char *text)
{
	char buf[256];

	assert_int_equal(display_escape(buf, sizeof(buf), name), strlen(text));
	assert_string_equal(buf, text);
}

static void what_is_printable_stays(void **state)
{
	(void)state;
	assert_escaped("", "");
	assert_escaped("plain name.txt", "plain name.txt");
	assert_escaped("na\xc3\xafve " CJK " " EMOJI E_ACUTE, "na\xc3\xafve " CJK " " EMOJI E_ACUTE);
}

static void what_is_not_is_escaped(void **state)
{
	(void)state;
	assert_escaped("a\nb\tc\rd", "a\\nb\\tc\\rd");
	assert_escaped("\x1b[31mred\x7f", "\\033[31mred\\177");
	assert_escaped("back\\slash", "back\\\\slash");
	assert_escaped("bad \xff\xfe", "bad \\377\\376");
	assert_escaped("cut \xe6\xbc", "cut \\346\\274");
	assert_escaped("long \xc0\xaf", "long \\300\\257");           /* '/' in two bytes */
	assert_escaped("half \xed\xa0\x80", "half \\355\\240\\200");  /* a surrogate */
	assert_escaped("c1 \xc2\x9b" "31m", "c1 \\302\\23331m");
	assert_escaped("\xe2\x80\xae" "cod.exe", "\\342\\200\\256cod.exe"); /* right-to-left override */
	assert_escaped("\xe2\x81\xa6\xe2\x80\x8f", "\\342\\201\\246\\342\\200\\217");
	assert_escaped("line\xe2\x80\xa8", "line\\342\\200\\250");
}

static void no_name_of_two_bytes_gets_through(void **state)
{
	char name[3] = "", buf[16];

	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			name[0] = (char)a;
			name[1] = (char)b;
			display_escape(buf, sizeof(buf), name);
			for (const char *c = buf; *c; c++)
				assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
			assert_true(mbstowcs(NULL, buf, 0) != (size_t)-1);
			assert_true(display_width(buf) <= strlen(buf));
		}
	}
}

static void stops_at_a_whole_character(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(display_escape(buf, 4, CJK), 3);
	assert_int_equal(display_escape(buf, 6, CJK), 3);
	assert_int_equal(display_escape(buf, 4, "\x1b"), 0);
	assert_string_equal(buf, "");
	assert_int_equal(display_escape(buf, 5, "\x1b"), 4);
	buf[0] = 'x';
	assert_int_equal(display_escape(buf, 0, "abc"), 0);
	assert_int_equal(buf[0], 'x');
}

static void another_locale_escapes_all_but_ascii(void **state)
{
	(void)state;
	setlocale(LC_ALL, "C");
	assert_escaped("na\xc3\xafve", "na\\303\\257ve");
	setlocale(LC_ALL, "C.UTF-8");
}

static void quotes_can_be_told_from_the_name(void **state)
{
	char *text;

	(void)state;
	text = display_quote("it's\n\\");
	assert_string_equal(text, "'it\\'s\\n\\\\'");
	free(text);
	text = display_quote("");
	assert_string_equal(text, "''");
	free(text);
}

/* What /bin/sh or bash makes of @quoted. */
static void read_by_shell(const char *shell, const char *quoted, char *out, size_t size)
{
	char command[1024];
	ssize_t len = 0;
	int fds[2];
	pid_t pid;

	snprintf(command, sizeof(command), "printf %%s. %s", quoted);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execlp(shell, shell, "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	while (len < (ssize_t)size - 1) {
		ssize_t n = read(fds[0], out + len, size - 1 - (size_t)len);

		if (n <= 0)
			break;
		len += n;
	}
	close(fds[0]);
	waitpid(pid, NULL, 0);
	assert_true(len > 0);
	out[len - 1] = '\0'; /* the dot keeps a final newline */
}

static void a_shell_reads_the_name_back(void **state)
{
	static const char *const names[] = {"plain", "two words", "it's", "$HOME`id`\"*?", "-n", "~", "a=b", CJK,
					    "!", "#x", "", "tab\there", "nl\n", "\x1b[0m", "\xff\xfe!",
					    "q'\n\\"};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *quoted = display_shell_quote(names[i]);

		for (const char *c = quoted; *c; c++)
			assert_true((unsigned char)*c >= 0x20);
		/* $'...' is in POSIX since 2024 only, so bash for those. */
		read_by_shell(strncmp(quoted, "$'", 2) == 0 ? "bash" : "sh", quoted, out, sizeof(out));
		assert_string_equal(out, names[i]);
		free(quoted);
	}
}

static void widths_are_columns(void **state)
{
	(void)state;
	assert_int_equal(display_width(""), 0);
	assert_int_equal(display_width("abc"), 3);
	assert_int_equal(display_width(CJK), 4);
	assert_int_equal(display_width(EMOJI), 2);
	assert_int_equal(display_width(E_ACUTE), 1);
	assert_int_equal(display_width("\\033"), 4);
}

static void assert_elided(const char *text, size_t columns, const char *expected)
{
	char buf[256];

	assert_int_equal(display_elide(buf, sizeof(buf), text, columns, true), display_width(expected));
	assert_string_equal(buf, expected);
}

static void the_middle_is_left_out(void **state)
{
	char buf[64];

	(void)state;
	assert_elided("long-name.txt", 13, "long-name.txt");
	assert_elided("long-name.txt", 12, "long-\xe2\x80\xa6" "me.txt");
	assert_elided("long-name.txt", 3, "l\xe2\x80\xa6t");
	assert_elided("long-name.txt", 1, "\xe2\x80\xa6");
	assert_elided("long-name.txt", 0, "");
	display_elide(buf, sizeof(buf), "long-name.txt", 10, false);
	assert_string_equal(buf, "lon....txt");
	display_elide(buf, sizeof(buf), "long-name.txt", 2, false);
	assert_string_equal(buf, "..");
}

static void no_character_is_cut(void **state)
{
	(void)state;
	assert_elided(CJK CJK CJK, 8, "\xe6\xbc\xa2\xe2\x80\xa6" CJK);
	assert_elided("ab" E_ACUTE E_ACUTE "cdef", 6, "ab\xe2\x80\xa6" "def");
	assert_elided(E_ACUTE E_ACUTE E_ACUTE E_ACUTE, 3, E_ACUTE "\xe2\x80\xa6" E_ACUTE);
	assert_elided("a\\033bcdefghijklm", 9, "a\xe2\x80\xa6" "ghijklm");
	assert_elided("abcdefghi\\033\\033", 6, "ab\xe2\x80\xa6");
	assert_elided("xxxxx" FAMILY, 5, "xx\xe2\x80\xa6");
}

static void a_small_buffer_keeps_the_end_of_the_name_too(void **state)
{
	char buf[24];

	(void)state;
	display_elide(buf, sizeof(buf), "start-" CJK CJK CJK CJK CJK "-end", 80, true);
	assert_memory_equal(buf, "start-", 6);
	assert_string_equal(buf + strlen(buf) - 4, "-end");
}

static void never_wider_than_asked_nor_past_the_buffer(void **state)
{
	static const char *const texts[] = {"plain-ascii-name-of-some-length.txt", CJK CJK CJK CJK "x" CJK,
					    E_ACUTE CJK FAMILY EMOJI "\\033\\n" CJK "end", "\\377\\376\\375",
					    "\xcc\x81\xcc\x81 starts with marks"};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t columns = 0; columns < 60; columns++) {
			for (size_t size = 1; size < 70; size++) {
				size_t used;

				memset(buf, 'X', sizeof(buf));
				used = display_elide(buf, size, texts[i], columns, columns % 2);
				assert_true(strlen(buf) < size);
				assert_int_equal(buf[size], 'X');
				assert_true(used <= columns);
				assert_int_equal(display_width(buf), used);
				assert_true(mbstowcs(NULL, buf, 0) != (size_t)-1);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printable_stays),
		cmocka_unit_test(what_is_not_is_escaped),
		cmocka_unit_test(no_name_of_two_bytes_gets_through),
		cmocka_unit_test(stops_at_a_whole_character),
		cmocka_unit_test(another_locale_escapes_all_but_ascii),
		cmocka_unit_test(quotes_can_be_told_from_the_name),
		cmocka_unit_test(a_shell_reads_the_name_back),
		cmocka_unit_test(widths_are_columns),
		cmocka_unit_test(the_middle_is_left_out),
		cmocka_unit_test(no_character_is_cut),
		cmocka_unit_test(a_small_buffer_keeps_the_end_of_the_name_too),
		cmocka_unit_test(never_wider_than_asked_nor_past_the_buffer),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}

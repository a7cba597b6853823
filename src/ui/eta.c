/*
 * The model is: seconds = a * files + b * bytes, a and b not negative. It is
 * kept as a ratio (what a file costs, in bytes: a / b) and a speed.
 *
 * The ratio. When it is right, files * ratio + bytes goes by at a steady speed
 * whatever the mix of sizes; when it is wrong, the speed goes up and down with
 * the mix. So each candidate is judged by how much its speed varies over the
 * run (the least-squares fit of a and b leads to the same ratio), with a mild
 * prior for what disks and networks are like, because a run of equal files
 * fits every ratio. The median of all candidates by their probabilities is
 * used: nothing jumps when the second best becomes the best.
 *
 * The speed comes from the recent window alone, as total work over total time.
 *
 * What lost:
 *  - bytes / rate: wrong by any factor when sizes are uneven, which is always;
 *  - solving the 2x2 normal equations of the window: singular for a run of
 *    equal files, and biased, since the noise is in files and bytes rather than
 *    in the time; then a or b is clamped to 0 and the ETA leaps;
 *  - forgetting the ratio with the window: "one huge file" erases what a file
 *    costs just before a million of them come. Sums fade slowly here, and six
 *    numbers replace any history.
 */
#include "ui/eta.h"

#include <math.h>
#include <string.h>

#define MIN_EVIDENCE_S 0.8
#define INTERVAL_S 1.0
#define RECENT_MIN_S 8.0
#define RECENT_MAX_S 120.0
#define RECENT_PART 0.4      /* of the time so far */
#define LATEST_S 6.0
#define SURPRISE 0.4         /* difference of two speeds, as a logarithm */
#define SHARE_MIN 100.0      /* entries that the share of skipped ones is judged by... */
#define SHARE_PART 0.02      /* ... and a part of all seen */
#define MEMORY_S 600.0       /* what the ratio is judged by */
#define PRIOR_LOG2 16.5      /* a file is worth about 90 KiB... */
#define PRIOR_SIGMA 2.0      /* ... give or take a factor of four */
#define NOISE 0.2            /* speed varies that much on its own */
#define MAX_INTERVALS 40.0   /* more are not more independent evidence */

static double ratio_of(unsigned i)
{
	return ldexp(1.0, (int)i - 1);
}

/* The ratio that is as likely too high as too low, between two candidates. */
static double median_ratio(const double posterior[static ETA_RATIOS], double sum)
{
	double below = 0;
	unsigned i = 0;

	while (i + 1 < ETA_RATIOS && below + posterior[i] < sum / 2)
		below += posterior[i++];
	return ratio_of(i) * exp2((sum / 2 - below) / posterior[i] - 0.5);
}

static void set_ratio(struct eta *eta)
{
	const struct eta_moments *m = &eta->moments;
	double log_likely[ETA_RATIOS], posterior[ETA_RATIOS], best = -INFINITY, sum = 0;

	for (unsigned i = 0; i < ETA_RATIOS; i++) {
		double ratio = ratio_of(i), off = ((double)i - 1 - PRIOR_LOG2) / PRIOR_SIGMA;

		log_likely[i] = -0.5 * off * off;
		if (m->weight > 1) {
			double mean = (ratio * m->files + m->bytes) / m->weight;
			double square = (ratio * ratio * m->files2 + 2 * ratio * m->files_bytes + m->bytes2) /
					m->weight;
			double spread = mean > 0 ? fmax(square / (mean * mean) - 1, 0) : 0;
			double n = fmin(m->weight - 1, MAX_INTERVALS);

			log_likely[i] -= 0.5 * n * log(spread + NOISE * NOISE);
		}
		best = fmax(best, log_likely[i]);
	}
	for (unsigned i = 0; i < ETA_RATIOS; i++) {
		posterior[i] = exp(log_likely[i] - best);
		sum += posterior[i];
	}
	eta->ratio = median_ratio(posterior, sum);
}

void eta_init(struct eta *eta)
{
	memset(eta, 0, sizeof(*eta));
	set_ratio(eta);
}

/* Adds the filled interval's speeds to the sums the ratio is judged by. */
static void close_interval(struct eta *eta)
{
	struct eta_moments *m = &eta->moments;
	double keep = exp(-eta->open.seconds / MEMORY_S);
	double weight = eta->open.seconds / INTERVAL_S;
	double files = eta->open.files / eta->open.seconds, bytes = eta->open.bytes / eta->open.seconds;

	m->weight = m->weight * keep + weight;
	m->files = m->files * keep + weight * files;
	m->bytes = m->bytes * keep + weight * bytes;
	m->files2 = m->files2 * keep + weight * files * files;
	m->files_bytes = m->files_bytes * keep + weight * files * bytes;
	m->bytes2 = m->bytes2 * keep + weight * bytes * bytes;
	eta->open = (struct eta_sums){0};
	set_ratio(eta);
}

static void fade(struct eta_sums *sums, double seconds, double window)
{
	double keep = exp(-seconds / window);

	sums->seconds *= keep;
	sums->files *= keep;
	sums->bytes *= keep;
}

static void add_work(struct eta_sums *sums, double seconds, const struct eta_work *work)
{
	sums->seconds += seconds;
	sums->files += work->files;
	sums->bytes += work->bytes;
}

/* A long window is calm; when the latest seconds contradict it, it is the past
 * that is wrong (a write cache has filled up), and it is forgotten faster. */
static double recent_window(const struct eta *eta)
{
	double window = fmin(fmax(eta->seen_s * RECENT_PART, RECENT_MIN_S), RECENT_MAX_S);
	double recent = eta_cost(eta, eta->recent.files, eta->recent.bytes) * eta->latest.seconds;
	double latest = eta_cost(eta, eta->latest.files, eta->latest.bytes) * eta->recent.seconds;

	if (recent <= 0 || latest <= 0 || fabs(log(latest / recent)) < SURPRISE)
		return window;
	return fmax(window / 4, LATEST_S);
}

/* The share is judged by the last entries, not by the last seconds: finding
 * things up to date is so much faster than copying that by time it would be
 * believed in long after it has ended. */
static void count_skipped(struct eta *eta, const struct eta_work *work)
{
	double entries = work->files + work->skipped_files;
	double keep;

	eta->seen_entries += entries;
	keep = exp(-entries / (SHARE_MIN + SHARE_PART * eta->seen_entries));
	eta->copied_entries = eta->copied_entries * keep + work->files;
	eta->skipped_entries = eta->skipped_entries * keep + work->skipped_files;
}

void eta_add(struct eta *eta, double seconds, const struct eta_work *work)
{
	if (seconds < 0)
		return;
	count_skipped(eta, work);
	/* Time spent on finding things up to date says nothing about copying. */
	if (work->skipped_files > work->files)
		return;
	eta->seen_s += seconds;
	fade(&eta->latest, seconds, LATEST_S);
	fade(&eta->recent, seconds, recent_window(eta));
	add_work(&eta->latest, seconds, work);
	add_work(&eta->recent, seconds, work);
	add_work(&eta->open, seconds, work);
	if (eta->open.seconds >= INTERVAL_S)
		close_interval(eta);
}

double eta_copied_share(const struct eta *eta)
{
	if (eta->skipped_entries <= 0)
		return 1;
	return eta->copied_entries / (eta->copied_entries + eta->skipped_entries);
}

double eta_cost(const struct eta *eta, double files, double bytes)
{
	return files * eta->ratio + bytes;
}

double eta_seconds(const struct eta *eta, double files, double bytes)
{
	double done = eta_cost(eta, eta->recent.files, eta->recent.bytes);

	if (eta->seen_s < MIN_EVIDENCE_S || done <= 0)
		return -1;
	return eta_cost(eta, files, bytes) * eta->recent.seconds / done;
}

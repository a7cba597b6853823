/*
 * The model is: seconds = a * files + b * bytes, a and b not negative. It is
 * kept as a ratio (what a file costs, in bytes: a / b) and a speed.
 *
 * The ratio. When it is right, files * ratio + bytes goes by at a steady speed
 * whatever the mix of sizes; when it is wrong, the speed goes up and down with
 * the mix. So each candidate is judged by how much its speed varies over the
 * run (the least-squares fit of a and b leads to the same ratio), with a mild
 * prior for what disks and networks are like, because a run of equal files
 * fits every ratio. All candidates are kept with their probabilities and the
 * ETA is their mean: nothing jumps when the second best becomes the best, and
 * while nothing is known yet the answer lies between the extremes.
 *
 * The speed comes from the recent window alone, as total work over total time.
 *
 * What lost:
 *  - bytes / rate: wrong by any factor when sizes are uneven, which is always;
 *  - solving the 2x2 normal equations of the window: singular for a run of
 *    equal files, and biased, since the noise is in files and bytes rather than
 *    in the time; then a or b is clamped to 0 and the ETA leaps;
 *  - forgetting the ratio with the window: "one huge file" erases what a file
 *    costs just before a million of them come. Sums fade slowly here, and five
 *    numbers replace any history.
 */
#include "ui/eta.h"

#include <math.h>
#include <string.h>

#define MIN_EVIDENCE_S 0.8
#define INTERVAL_S 0.5
#define RECENT_MIN_S 6.0
#define RECENT_MAX_S 60.0
#define RECENT_PART 0.15     /* of the time so far */
#define MEMORY_S 600.0       /* what the ratio is judged by */
#define PRIOR_LOG2 16.5      /* a file is worth about 90 KiB... */
#define PRIOR_SIGMA 2.0      /* ... give or take a factor of four */
#define NOISE 0.15           /* speed varies that much on its own */
#define MAX_INTERVALS 40.0   /* more are not more independent evidence */

static double ratio_of(unsigned i)
{
	return ldexp(1.0, (int)i - 1);
}

static void set_posterior(struct eta *eta)
{
	const struct eta_moments *m = &eta->moments;
	double log_likely[ETA_RATIOS], best = -INFINITY, sum = 0;

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
		eta->posterior[i] = exp(log_likely[i] - best);
		sum += eta->posterior[i];
	}
	for (unsigned i = 0; i < ETA_RATIOS; i++)
		eta->posterior[i] /= sum;
}

void eta_init(struct eta *eta)
{
	memset(eta, 0, sizeof(*eta));
	set_posterior(eta);
}

/* Adds the filled interval's speeds to the sums the ratio is judged by. */
static void close_interval(struct eta *eta)
{
	struct eta_moments *m = &eta->moments;
	double keep = exp(-eta->open_s / MEMORY_S);
	double weight = eta->open_s / INTERVAL_S;
	double files = eta->open_files / eta->open_s, bytes = eta->open_bytes / eta->open_s;

	m->weight = m->weight * keep + weight;
	m->files = m->files * keep + weight * files;
	m->bytes = m->bytes * keep + weight * bytes;
	m->files2 = m->files2 * keep + weight * files * files;
	m->files_bytes = m->files_bytes * keep + weight * files * bytes;
	m->bytes2 = m->bytes2 * keep + weight * bytes * bytes;
	eta->open_s = eta->open_files = eta->open_bytes = 0;
	set_posterior(eta);
}

void eta_add(struct eta *eta, double seconds, const struct eta_work *work)
{
	double window, keep;

	if (seconds < 0)
		return;
	window = fmin(fmax(eta->seen_s * RECENT_PART, RECENT_MIN_S), RECENT_MAX_S);
	keep = exp(-seconds / window);
	eta->recent_skipped_files = eta->recent_skipped_files * keep + work->skipped_files;
	eta->recent_skipped_bytes = eta->recent_skipped_bytes * keep + work->skipped_bytes;
	/* Time spent on finding things up to date says nothing about copying. */
	if (work->skipped_files > work->files)
		return;
	eta->seen_s += seconds;
	eta->recent_s = eta->recent_s * keep + seconds;
	eta->recent_files = eta->recent_files * keep + work->files;
	eta->recent_bytes = eta->recent_bytes * keep + work->bytes;
	eta->open_s += seconds;
	eta->open_files += work->files;
	eta->open_bytes += work->bytes;
	if (eta->open_s >= INTERVAL_S)
		close_interval(eta);
}

double eta_copied_share(const struct eta *eta)
{
	double all = eta->recent_files + eta->recent_skipped_files;

	return all > 0 && eta->recent_skipped_files > 0 ? eta->recent_files / all : 1;
}

double eta_cost(const struct eta *eta, double files, double bytes)
{
	double log_ratio = 0;

	for (unsigned i = 0; i < ETA_RATIOS; i++)
		log_ratio += eta->posterior[i] * log2(ratio_of(i));
	return files * exp2(log_ratio) + bytes;
}

double eta_seconds(const struct eta *eta, double files, double bytes)
{
	double seconds = 0;

	if (eta->seen_s < MIN_EVIDENCE_S || eta->recent_s <= 0)
		return -1;
	for (unsigned i = 0; i < ETA_RATIOS; i++) {
		double ratio = ratio_of(i);
		double done = ratio * eta->recent_files + eta->recent_bytes;

		if (done <= 0)
			return -1;
		seconds += eta->posterior[i] * (ratio * files + bytes) * eta->recent_s / done;
	}
	return seconds;
}

/* metrics: the text is what Prometheus reads. */
#include "base/metrics.h"

#include "../cmocka_all.h"

static void test_text(void **state)
{
    (void)state;
    struct metric stored = { .type = METRIC_COUNTER, .name = "stored_total", .help = "Stored." };
    struct metric broken = { .name = "refused_total", .label = "reason=\"json\"", .help = "No." };
    struct metric large = { .name = "refused_total", .label = "reason=\"large\"", .help = "No." };
    struct metric depth = { .type = METRIC_GAUGE, .name = "depth", .help = "Waiting." };
    metric_add(&stored, 2);
    metric_add(&stored, 3);
    metric_add(&large, 1);
    metric_set(&depth, 9);
    metric_set(&depth, 4);
    struct metric *all[] = { &stored, &broken, &large, &depth };
    struct buf b;
    buf_init(&b, 4096);
    metrics_write(all, COUNT_OF(all), &b);
    buf_char(&b, '\0');
    assert_string_equal(b.ptr, "# HELP stored_total Stored.\n"
                               "# TYPE stored_total counter\n"
                               "stored_total 5\n"
                               "# HELP refused_total No.\n"
                               "# TYPE refused_total counter\n"
                               "refused_total{reason=\"json\"} 0\n"
                               "refused_total{reason=\"large\"} 1\n"
                               "# HELP depth Waiting.\n"
                               "# TYPE depth gauge\n"
                               "depth 4\n");
    buf_done(&b);
}

static void test_histogram(void **state)
{
    (void)state;
    struct metric h = { .type = METRIC_HISTOGRAM, .name = "t", .label = "s=\"x\"", .help = "T." };
    static const int64_t seen[] = { 0, 50, 51, 100, 26214400, 26214401, INT64_C(1) << 40 };
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        metric_observe_us(&h, seen[i]);
    struct metric *all[] = { &h };
    struct buf b;
    buf_init(&b, 8192);
    metrics_write(all, 1, &b);
    buf_char(&b, '\0');
    static const char *const lines[] = {
        "# TYPE t histogram\n",
        "\nt_bucket{s=\"x\",le=\"5e-05\"} 2\n",
        "\nt_bucket{s=\"x\",le=\"0.0001\"} 4\n",
        "\nt_bucket{s=\"x\",le=\"0.0002\"} 4\n",
        "\nt_bucket{s=\"x\",le=\"13.1072\"} 4\n",
        "\nt_bucket{s=\"x\",le=\"26.2144\"} 5\n",
        "\nt_bucket{s=\"x\",le=\"+Inf\"} 7\n",
        "\nt_sum{s=\"x\"} 1099564.056778\n",
        "\nt_count{s=\"x\"} 7\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!strstr(b.ptr, lines[i]))
            fail_msg("no line %s in\n%s", lines[i], b.ptr);

    h.label = NULL;
    buf_reset(&b);
    metrics_write(all, 1, &b);
    buf_char(&b, '\0');
    assert_non_null(strstr(b.ptr, "\nt_bucket{le=\"+Inf\"} 7\n"));
    assert_non_null(strstr(b.ptr, "\nt_count 7\n"));
    buf_done(&b);
}

static void test_clock(void **state)
{
    (void)state;
    int64_t a = metric_clock_us();
    assert_true(metric_clock_us() >= a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

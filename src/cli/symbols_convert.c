/* symbols_convert.c - `crumple symbols convert`: the helper process that reads an upload of
 * symbols. The server starts it; what it does is in symbols/convert.h. */
#include "cli/cli.h"
#include "symbols/convert.h"
#include "symbols/convert_limits.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

static bool is_open(size_t fd)
{
    return fd <= INT32_MAX && fcntl((int)fd, F_GETFD) >= 0;
}

static int run(const struct command *c, int argc, char **argv)
{
    size_t upload = SIZE_MAX, scratch = SIZE_MAX;
    const char *name = "";
    struct process_limits limits = process_limits();
    size_t memory = limits.memory_bytes;
    const struct arg args[] = {
        { "--upload", ARG_COUNT, &upload },
        { "--scratch", ARG_COUNT, &scratch },
        { "--name", ARG_TEXT, &name },
        { "--memory", ARG_COUNT, &memory },
    };
    int status;
    struct err e = { 0 };
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    if (!is_open(upload) || !is_open(scratch)) {
        (void)err_set(&e, ERR_INPUT, 0, "--upload and --scratch are numbers of open descriptors");
        return cli_wrong(c, &e);
    }
    limits.memory_bytes = memory;
    if (sodium_init() < 0) {
        (void)err_set(&e, ERR_IO, 0, "libsodium does not start");
        return cli_fail(c, &e);
    }
    const struct convert_job job = {
        .upload = (int)upload,
        .scratch = (int)scratch,
        .say = STDOUT_FILENO,
        .listen = STDIN_FILENO,
        .name = str_from_c(name),
        .limits = convert_limits(),
    };
    if (!process_limits_set(&limits, job.scratch, &e) || !convert_run(&job, &e))
        return cli_fail(c, &e);
    return CLI_OK;
}

const struct command command_symbols_convert = {
    .name = "symbols convert",
    .summary = "what the server starts to read symbols; not for people",
    .help =
        "Usage: crumple symbols convert --upload FD --scratch FD [--name NAME] [--memory BYTES]\n\n"
        "The server starts this command for each upload of symbols, so that a damaged file can "
        "end\n"
        "one process and not the server. It reads the upload from one descriptor, writes symbol\n"
        "caches into the folder that the other one is, and tells on standard output, one JSON\n"
        "object a line, what it found; after {\"say\":\"ask\"} it waits for one byte on standard\n"
        "input: c, convert it, or k, it is known. Before it reads anything it gives up all rights\n"
        "that it does not need, and limits its memory, time and files.\n\n"
        "  --upload FD      the upload: a symbol file, a source map, or an archive of such\n"
        "  --scratch FD     an empty folder; caches are the files 0, 1, ... in it\n"
        "  --name NAME      the name of the upload's file\n"
        "  --memory BYTES   the most memory that it may take\n\n"
        "To put symbols into a data directory by hand, see `crumple symbols add --help`.\n\n"
        "Example, in a shell, with answers that always say \"convert\":\n\n"
        "  mkdir /tmp/caches\n"
        "  yes c | tr -d '\\n' | crumple symbols convert --upload 3 --scratch 4 \\\n"
        "      3< app.sym 4< /tmp/caches\n",
    .run = run,
};

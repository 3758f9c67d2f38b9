/* report_new.mjs - a program that uses @backtrace/node as its documentation says.
 *
 *     node report_new.mjs '{"url": "http://...", ...}'
 *
 * The JSON is the task: options for the SDK under `options`, and what to report. Prints a line of
 * JSON for each thing it did. tests/http/test_clients.py runs it. */
import fs from 'node:fs';

import {
    BacktraceClient,
    BacktraceFileAttachment,
    BacktraceNodeRequestHandler,
    BreadcrumbLogLevel,
    BreadcrumbType,
} from '@backtrace/node';

const task = JSON.parse(process.argv[2]);

function say(what) {
    console.log(JSON.stringify(what));
}

function pause(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

function readSetting(settings) {
    return settings.missing.value.deep;
}

function startWorker(settings) {
    return readSetting(settings);
}

/* A real error, with a real stack, of a real mistake. */
function someError(message) {
    try {
        startWorker({});
    } catch (cause) {
        return new RangeError(message, { cause });
    }
}

const client = BacktraceClient.initialize({
    userAttributes: { application: 'crumple-test', 'application.version': '1.2.3', 'a number': 7 },
    captureUnhandledErrors: task.doThrow === true,
    ...task.options,
});
for (const name of task.breadcrumbs ?? []) {
    client.breadcrumbs.log(name, BreadcrumbLogLevel.Warning, { step: 1 });
}

async function report({ message, attributes, attachments, text }) {
    const files = (attachments ?? []).map((path) => new BacktraceFileAttachment(path));
    const data = text ?? someError(message);
    const result = await client.send(data, attributes ?? {}, files);
    say({ did: 'report', status: result.status, message: result.message, answer: result.result });
    return result.result;
}

/* An attachment for a report that was sent before, as the SDK's own database does it. */
async function attachLater(url, rxid, path) {
    const handler = new BacktraceNodeRequestHandler();
    const file = new BacktraceFileAttachment(path);
    const target = `${url}${url.includes('?') ? '&' : '?'}object=${rxid}&attachment_name=${file.name}`;
    const result = await handler.postAttachment(target, file);
    say({ did: 'attach', status: result.status, message: result.message, answer: result.result });
}

for (const one of task.reports ?? []) {
    const answer = await report(one);
    if (one.attachLater) {
        await attachLater(task.options.url, answer._rxid, one.attachLater);
    }
}
if (task.metrics) {
    client.metrics.send();
    await pause(300); // there is nothing to wait for
}
if (task.untilSent) {
    // What earlier runs kept and could not send goes out by itself, from its database of files.
    const records = () => fs.readdirSync(task.options.database.path).filter((f) => /-record/.test(f));
    for (let tries = 0; tries < 200 && records().length > 0; tries++) {
        await pause(50);
    }
    say({ did: 'send what was kept', left: records().length });
}
if (task.doThrow) {
    setTimeout(() => readSetting({}), 0); // nobody catches it: the SDK reports it, the program dies
} else {
    client.dispose();
}

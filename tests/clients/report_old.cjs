/* report_old.cjs - a program that uses backtrace-node, the SDK before @backtrace/node, as its
 * documentation says.
 *
 *     node report_old.cjs '{"options": {"endpoint": "http://...", "token": "..."}, ...}'
 *
 * Prints a line of JSON for each thing it did. tests/http/test_clients.py runs it. */
'use strict';
const backtrace = require('backtrace-node');

const task = JSON.parse(process.argv[2]);

function parsePort(text) {
    return new Array(-Number(text));
}

function someError(message) {
    try {
        return parsePort('80');
    } catch (error) {
        error.message = message;
        return error;
    }
}

const client = backtrace.initialize({
    attributes: { application: 'crumple-test', 'application.version': '1.2.3', 'a number': 7 },
    disableGlobalHandler: true,
    enableMetricsSupport: false,
    ...task.options,
});

async function main() {
    for (const { message, attributes, attachments } of task.reports ?? []) {
        const error = someError(message);
        const result = await client.reportAsync(error, attributes ?? {}, attachments ?? []);
        // Its getter for the object's id has the two names the wrong way round.
        say({ status: result.status, message: result.message, rxid: result._rxId });
    }
}

function say(what) {
    console.log(JSON.stringify(what));
}

main();

/* The shop, with @backtrace/node: main_new.js '{"options": {"url": ...}, "message": ...}' */
import { BacktraceClient } from '@backtrace/node';

import { failingCheckout } from './shop';

const task = JSON.parse(process.argv[2]);
const client = BacktraceClient.initialize({
    userAttributes: { application: 'shop', 'application.version': '1.0' },
    breadcrumbs: { enable: false },
    captureUnhandledErrors: false,
    ...task.options,
});
const result: any = await client.send(failingCheckout(task.message), task.attributes ?? {});
console.log(JSON.stringify({ status: result.status, rxid: result.result?._rxid }));
client.dispose();

/* The shop, with backtrace-node 1.x: main_old.js '{"options": {"endpoint": ...}, "message": ...}' */
import * as backtrace from 'backtrace-node';

import { failingCheckout } from './shop';

const task = JSON.parse(process.argv[2]);
const client = backtrace.initialize({
    attributes: { application: 'shop', 'application.version': '1.0' },
    disableGlobalHandler: true,
    enableMetricsSupport: false,
    ...task.options,
});
if (task.symbolication) {
    client.setSymbolication(); // the MD5 of each script in each report
}

async function main(): Promise<void> {
    const result: any = await client.reportAsync(failingCheckout(task.message), task.attributes ?? {});
    // Its getter for the object's id has the two names the wrong way round.
    const isKept = result.message === 'Report is available on the Backtrace server';
    console.log(JSON.stringify({ status: isKept ? 'Ok' : result.message, rxid: result._rxId }));
}

main();

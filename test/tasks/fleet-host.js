// A program: `node fleet-host.js <arguments of leasepool worker>`.
import { runWorkerCommand } from 'leasepool/bullmq';

process.exitCode = await runWorkerCommand(process.argv.slice(2));

/** What `leasepool worker` takes. Needs no other file: it is shown also where the libraries of a fleet are not installed. */

export const workerUsage: string = `Usage: leasepool worker --redis URL --queue NAME --tasks MODULE [--tasks NAME=MODULE ...]

Takes chunks of jobs from a queue and runs them here. Serves the tasks of the named modules only.

  --redis URL            redis://[user:password@]host[:port][/db], or rediss://
  --queue NAME           the queue; the same as in bullmqBackend({ queue })
  --tasks [NAME=]MODULE  a module with tasks, by path or specifier; with the name that managers use for it
  --backend KIND         thread (default) or process
  --pools N              chunks to run at once (default 2)
  --workers N            workers in each pool (default: they share the cores)
  --lock-seconds N       silence after which this host's chunks count as lost (default 5)
  --drain-seconds N      time for running chunks after SIGTERM (default 30)
  --fleet-limit N        most chunks that all hosts of the queue run at once
  --prefix TEXT          BullMQ's prefix of all keys (default bull)
  --health-port N        serves /health and /metrics; --health-host ADDRESS (default 127.0.0.1)
  --verbose              tells more
  -h, --help
`;

export const workerOptions = {
  redis: { type: 'string' },
  queue: { type: 'string' },
  tasks: { type: 'string', multiple: true },
  backend: { type: 'string' },
  pools: { type: 'string' },
  workers: { type: 'string' },
  'lock-seconds': { type: 'string' },
  'drain-seconds': { type: 'string' },
  'fleet-limit': { type: 'string' },
  prefix: { type: 'string' },
  'health-port': { type: 'string' },
  'health-host': { type: 'string' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

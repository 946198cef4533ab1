/**
 * The ClickHouse process: runs `clickhouse local` inside libchdb.so, makes it listen, and keeps its session open with a
 * sleeping query. Exits on SIGTERM, or when its supervisor ends.
 */
import { parseArgs } from 'node:util';
import { DataType, load, open } from 'ffi-rs';

const { values } = parseArgs({
  options: {
    library: { type: 'string' },
    folder: { type: 'string' },
    'http-port': { type: 'string' },
    'tcp-port': { type: 'string' },
  },
});
const { library, folder } = values;
if (!library || !folder) throw new Error('clickhouse-server: --library and --folder are required');

/** Sleeps for about 9 years, in steps of the longest sleep that is allowed. */
const KEEP_OPEN = 'SELECT sleepEachRow(3) FROM numbers(100000000) SETTINGS max_block_size = 1 FORMAT Null';

const argv = [
  'clickhouse',
  `--config-file=${folder}/config.xml`,
  `--path=${folder}/data`,
  '--listen_host=127.0.0.1',
  `--http_port=${values['http-port'] ?? ''}`,
  `--tcp_port=${values['tcp-port'] ?? ''}`,
  '--function_sleep_max_microseconds_per_block=0',
  '--max_execution_time=0',
  '-q',
  `SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; ${KEEP_OPEN}`,
];

open({ library: 'chdb', path: library });

function stop(): void {
  // Every acknowledged insert is on disk already. process.exit would wait for the engine's thread, which sleeps for
  // years.
  process.kill(process.pid, 'SIGKILL');
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdin.on('end', stop).on('error', stop).resume();

const result = await load({
  library: 'chdb',
  funcName: 'chdb_query_cmdline',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [argv.length, argv],
  runInNewThread: true,
});
const message = load({
  library: 'chdb',
  funcName: 'chdb_result_error',
  retType: DataType.String,
  paramsType: [DataType.External],
  paramsValue: [result],
});
console.error(`ClickHouse exited: ${message}`);
process.exit(1);

/** ClickHouse on one machine: the engine of @chdb in a separate Node process, with data in DATA_DIR/clickhouse. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Command } from './kafka.ts';
import { OTHER_WAYS, SetupError } from './install.ts';

export interface ClickHouseSettings {
  dataDir: string;
  httpPort: number;
  tcpPort: number;
  user: string;
  password: string;
}

const LIBRARY = '@chdb/lib-linux-x64-gnu';

/** Path of libchdb.so. Throws SetupError on a system without it. */
export function findLibrary(root: string): string {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${LIBRARY}/package.json`);
    const library = join(manifest, '..', 'libchdb.so');
    if (existsSync(library)) return library;
  } catch {
    // Reported below.
  }
  throw new SetupError(
    `ClickHouse is missing: its embedded engine (npm package ${LIBRARY}) exists for Linux on x64 with glibc only. ${OTHER_WAYS}`,
  );
}

const GB = 1024 ** 3;

/** Memory limits in bytes: the server takes up to 45 % of the machine, one query up to two thirds of that. */
export function memoryLimits(machineBytes: number): { server: number; query: number } {
  const server = Math.floor(Math.min(16 * GB, Math.max(1.5 * GB, machineBytes * 0.45)));
  return { server, query: Math.floor((server * 2) / 3) };
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

export function serverConfig(folder: string, machineBytes: number): string {
  const memory = memoryLimits(machineBytes);
  return `<clickhouse>
  <!-- "level" is overwritten with "trace" by the embedded engine. -->
  <logger><console>1</console><console_log_level>warning</console_log_level></logger>
  <users_config>${escapeXml(join(folder, 'users.xml'))}</users_config>
  <keep_alive_timeout>30</keep_alive_timeout>
  <max_connections>512</max_connections>
  <max_concurrent_queries>100</max_concurrent_queries>
  <max_server_memory_usage>${memory.server}</max_server_memory_usage>
  <mark_cache_size>${Math.floor(memory.server / 16)}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <!-- Few threads of each kind, so that an idle database uses hardly any CPU. -->
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_common_pool_size>4</background_common_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <!-- Merges wait for nobody: on a busy machine, inserts, queries and the other processes come first. -->
  <os_threads_nice_value_merge_mutate>10</os_threads_nice_value_merge_mutate>
  <asynchronous_metrics_update_period_s>30</asynchronous_metrics_update_period_s>
  <merge_tree>
    <!-- Acknowledged inserts survive a power loss; without these settings the last half minute is lost. -->
    <fsync_after_insert>1</fsync_after_insert>
    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
    <!-- Limited by background_pool_size (times its ratio of 2). -->
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>3</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>4</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>4</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <parts_to_throw_insert>1000</parts_to_throw_insert>
    <!-- With the default of 5, the many small parts of a stream are merged into the large ones again and again. -->
    <merge_selector_base>10</merge_selector_base>
    <!-- Not used by any query here. -->
    <auto_statistics_types></auto_statistics_types>
    <!-- One file instead of two for each index of a part. -->
    <packed_skip_index_max_bytes>1048576</packed_skip_index_max_bytes>
    <merge_selecting_sleep_ms>1000</merge_selecting_sleep_ms>
    <max_merge_selecting_sleep_ms>60000</max_merge_selecting_sleep_ms>
  </merge_tree>
</clickhouse>
`;
}

export function usersConfig(user: string, password: string, machineBytes: number): string {
  return `<clickhouse>
  <profiles>
    <default>
      <max_memory_usage>${memoryLimits(machineBytes).query}</max_memory_usage>
      <async_insert>0</async_insert>
      <log_queries>0</log_queries>
    </default>
  </profiles>
  <users>
    <${user}>
      <password>${escapeXml(password)}</password>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </${user}>
  </users>
  <quotas><default></default></quotas>
</clickhouse>
`;
}

/** Writes the two configuration files and returns the command that runs the server process. */
export function prepareClickHouse(settings: ClickHouseSettings, root: string, serverScript: string): Command {
  const library = findLibrary(root);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(settings.user))
    throw new SetupError('CLICKHOUSE_USER must consist of letters, digits and "_", and not begin with a digit.');
  const folder = join(settings.dataDir, 'clickhouse');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.xml'), serverConfig(folder, totalmem()));
  writeFileSync(join(folder, 'users.xml'), usersConfig(settings.user, settings.password, totalmem()), { mode: 0o600 });
  return {
    command: process.execPath,
    args: [
      serverScript,
      `--library=${library}`,
      `--folder=${folder}`,
      `--http-port=${settings.httpPort}`,
      `--tcp-port=${settings.tcpPort}`,
    ],
  };
}

import { NativeSelect } from '@mantine/core';
import { useMemo, type CSSProperties } from 'react';
import type { Audience } from '../../../lib/audiences/tree.ts';
import { useSession } from '../app/session.ts';
import type { AudienceVersion } from '../data/api.ts';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { stampIn } from '../design/time.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useVersions } from './data.ts';
import { linesOf, matchLines, type Line } from './model/lines.ts';

interface VersionsProps {
  id: string;
  /** The versions on display; null for the two newest. */
  left: number | null;
  right: number | null;
  onChoose(versions: { left: number; right: number }): void;
}

/** Two versions side by side. */
export function Versions({ id, left, right, onChoose }: VersionsProps) {
  const versions = useVersions(id);
  if (versions.error && !versions.data)
    return (
      <ErrorState what="Cannot load the versions" error={versions.error} onRetry={() => void versions.refetch()} />
    );
  if (!versions.data) return <LoadingState lines={6} what="Loading the versions" />;
  const all = versions.data;
  const find = (version: number | null): AudienceVersion | undefined => all.find((each) => each.version === version);
  const newer = find(right) ?? all[0];
  const older = find(left) ?? all[1] ?? all[0];
  if (!newer || !older) return null;
  return (
    <div className="versions">
      <Compared older={older} newer={newer} all={all} onChoose={onChoose} />
      <section className="panel" aria-labelledby="versions-title">
        <header className="panel-head">
          <h2 id="versions-title">All versions</h2>
        </header>
        <ol className="version-list" data-testid="versions">
          {all.map(({ version, updated_at, name, live }, index) => {
            const before = all[index + 1];
            return (
              <li key={version}>
                <button
                  type="button"
                  className="version"
                  aria-current={version === newer.version}
                  onClick={() => onChoose({ left: before?.version ?? version, right: version })}
                >
                  <strong>Version {version}</strong>
                  <span className="fine">
                    <ZonedTime at={updated_at} /> · {name}
                    {live && ' · live'}
                  </span>
                </button>
              </li>
            );
          })}
        </ol>
      </section>
    </div>
  );
}

interface ComparedProps {
  older: AudienceVersion;
  newer: AudienceVersion;
  all: readonly AudienceVersion[];
  onChoose: VersionsProps['onChoose'];
}

function Compared({ older, newer, all, onChoose }: ComparedProps) {
  const { time_zone } = useSession().workspace;
  const [before, after] = useMemo(() => {
    const sides = [linesOf(older.audience as Audience), linesOf(newer.audience as Audience)] as const;
    return matchLines(...sides);
  }, [older, newer]);
  const options = all.map(({ version, updated_at }) => ({
    value: String(version),
    label: `Version ${version}, ${stampIn(time_zone, Date.parse(updated_at))}`,
  }));
  return (
    <section className="panel compared" aria-label="Two versions side by side">
      <Side
        label="Earlier version"
        version={older}
        other={newer}
        lines={before}
        mark="removed"
        options={options}
        onChoose={(version) => onChoose({ left: version, right: newer.version })}
      />
      <Side
        label="Later version"
        version={newer}
        other={older}
        lines={after}
        mark="added"
        options={options}
        onChoose={(version) => onChoose({ left: older.version, right: version })}
      />
    </section>
  );
}

interface SideProps {
  label: string;
  version: AudienceVersion;
  other: AudienceVersion;
  lines: readonly (Line & { same: boolean })[];
  /** What a line is that only this side has. */
  mark: 'removed' | 'added';
  options: { value: string; label: string }[];
  onChoose(version: number): void;
}

function Side({ label, version, other, lines, mark, options, onChoose }: SideProps) {
  const settings = [
    version.name === other.name ? null : `Name: ${version.name}`,
    version.live === other.live ? null : version.live ? 'Live' : 'Not live',
    version.include_anonymous === other.include_anonymous
      ? null
      : version.include_anonymous
        ? 'With anonymous people'
        : 'Without anonymous people',
  ].filter((setting) => setting !== null);
  return (
    <div className="side-by-side">
      <NativeSelect
        size="xs"
        aria-label={label}
        value={String(version.version)}
        data={options}
        onChange={(event) => onChoose(Number(event.currentTarget.value))}
      />
      <ul className="version-lines">
        {settings.map((setting) => (
          <li key={setting} data-mark={mark}>
            <span className="visually-hidden">{mark}: </span>
            {setting}
          </li>
        ))}
        {lines.map(({ text, depth, same }, index) => (
          <li key={index} data-mark={same ? undefined : mark} style={{ '--depth': depth } as CSSProperties}>
            {!same && <span className="visually-hidden">{mark}: </span>}
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}

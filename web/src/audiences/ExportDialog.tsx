import { Button, Modal, Progress as Bar, Radio } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useSession } from '../app/session.ts';
import type { SavedAudience } from '../data/api.ts';
import { ErrorState } from '../design/states.tsx';
import { counted } from '../design/words.ts';
import { download, fileName, readExport, type Format, type Progress } from './export.ts';

type State =
  | { kind: 'choosing' }
  | { kind: 'running'; progress: Progress | null }
  | { kind: 'done'; rows: number; name: string }
  | { kind: 'failed'; error: unknown };

interface ExportDialogProps {
  saved: SavedAudience;
  opened: boolean;
  onClose(): void;
}

/** Exports all members as a file. Closing the dialog cancels an export that runs. */
export function ExportDialog({ saved, opened, onClose }: ExportDialogProps) {
  const { api, workspace } = useSession();
  const [format, setFormat] = useState<Format>('csv');
  const [state, setState] = useState<State>({ kind: 'choosing' });
  const abort = useRef<AbortController | null>(null);
  useEffect(() => {
    if (opened) setState({ kind: 'choosing' });
    else abort.current?.abort();
  }, [opened]);
  // A page that was left must not store a file.
  useEffect(() => () => abort.current?.abort(), []);

  const run = (): void => {
    const controller = new AbortController();
    abort.current = controller;
    setState({ kind: 'running', progress: null });
    const onProgress = (progress: Progress): void => setState({ kind: 'running', progress });
    readExport(api, { id: saved.id, format }, onProgress, controller.signal)
      .then(({ file, now, rows }) => {
        if (controller.signal.aborted) return;
        const name = fileName(saved.name, now, workspace.time_zone, format);
        download(file, name);
        setState({ kind: 'done', rows, name });
      })
      .catch((error: unknown) => !controller.signal.aborted && setState({ kind: 'failed', error }));
  };
  return (
    <Modal opened={opened} onClose={onClose} title={`Export “${saved.name}”`} centered>
      <div className="form">
        {state.kind === 'running' ? (
          <Running progress={state.progress} />
        ) : state.kind === 'done' ? (
          <p role="status" data-testid="exported">
            <strong>{counted(state.rows, 'person', 'people')}</strong> in <code>{state.name}</code>.
          </p>
        ) : (
          <>
            {state.kind === 'failed' && <ErrorState what="Cannot export this audience" error={state.error} />}
            <Radio.Group label="Format" value={format} onChange={(value) => setFormat(value as Format)}>
              <div className="choices">
                <Radio value="csv" label="CSV" description="For spreadsheets and most other tools." />
                <Radio value="ndjson" label="NDJSON" description="One JSON object per line, unaltered." />
              </div>
            </Radio.Group>
            <p className="fine">
              All members as of now: id, name, phone, email, user id, consents, first and last time seen. The file
              contains personal data.
            </p>
          </>
        )}
        <div className="confirm-actions">
          <Button variant="default" onClick={onClose}>
            {state.kind === 'done' ? 'Close' : 'Cancel'}
          </Button>
          {(state.kind === 'choosing' || state.kind === 'failed') && <Button onClick={run}>Export</Button>}
        </div>
      </div>
    </Modal>
  );
}

function Running({ progress }: { progress: Progress | null }) {
  const share = progress === null || progress.total === 0 ? 0 : (progress.rows / progress.total) * 100;
  return (
    <div role="status">
      <Bar value={share} aria-label="Progress of the export" />
      <p className="fine export-progress">
        {progress === null
          ? 'Finding the members…'
          : `${progress.rows.toLocaleString('en-US')} of ${counted(progress.total, 'person', 'people')}`}
      </p>
    </div>
  );
}

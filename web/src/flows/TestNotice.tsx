import { CHANNEL_LABELS } from '../design/flow-words.ts';
import { Notice } from '../design/states.tsx';
import { useTestChannels } from './data.ts';

/** Says so where messages do not leave the installation. */
export function TestNotice() {
  const channels = useTestChannels().data ?? [];
  if (channels.length === 0) return null;
  const names = channels.map((channel) => CHANNEL_LABELS[channel] ?? channel).join(', ');
  return (
    <Notice title="Messages are kept and shown here, and reach nobody">
      The provider of {names} is “test”: nothing leaves this installation.
    </Notice>
  );
}

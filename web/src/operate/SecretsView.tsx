import { Button } from '@mantine/core';
import { CopyLine } from '../design/CopyLine.tsx';
import { KEY_ROLES, type KeyRole } from './role-words.ts';

/** A key as the API answers it once. */
export interface Secret {
  role: KeyRole;
  key: string;
}

interface SecretsViewProps {
  secrets: readonly Secret[];
  onDone(): void;
  done?: string;
}

/** Keys that were just created. They are shown only here. */
export function SecretsView({ secrets, onDone, done = 'I have copied it' }: SecretsViewProps) {
  return (
    <div className="form">
      <p>
        {secrets.length === 1 ? 'This key is' : 'These keys are'} <strong>shown only once</strong>: the API stores no
        more than a hash. Put {secrets.length === 1 ? 'it' : 'them'} where your other secrets are.
      </p>
      {secrets.map(({ role, key }) => (
        <div key={role}>
          <span className="field-label">{KEY_ROLES[role].title} key</span>
          <CopyLine text={key} label={`${role} key`} />
          <p className="fine">{KEY_ROLES[role].for}</p>
        </div>
      ))}
      <ConsoleLink secrets={secrets} />
      <Button onClick={onDone} data-autofocus>
        {done}
      </Button>
    </div>
  );
}

/** A link that opens this console with the largest of the keys that may. */
function ConsoleLink({ secrets }: { secrets: readonly Secret[] }) {
  const opens = secrets.find(({ role }) => role === 'write') ?? secrets.find(({ role }) => role === 'read');
  if (!opens) return null;
  return (
    <div>
      <span className="field-label">Link that opens this console with the {opens.role} key</span>
      <CopyLine text={`${window.location.origin}/#key=${opens.key}`} label="link" />
      <p className="fine">The link contains the key: send it only to people who may have it.</p>
    </div>
  );
}

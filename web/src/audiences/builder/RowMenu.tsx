import { ActionIcon, Menu } from '@mantine/core';
import { IconDotsVertical } from '@tabler/icons-react';
import { useState } from 'react';

export interface RowAction {
  label: string;
  /** How to do the same with the keyboard, as it is shown. */
  keys?: string;
  disabled?: boolean;
  danger?: boolean;
  onClick(): void;
}

/** What can be done with a condition or a group. Until it is first used it is a plain button, as in ValueList. */
export function RowMenu({ label, actions }: { label: string; actions: readonly RowAction[] }) {
  const [used, setUsed] = useState(false);
  const [opened, setOpened] = useState(true);
  if (!used)
    return (
      <button
        type="button"
        className="row-action"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        onClick={() => setUsed(true)}
      >
        <IconDotsVertical size={15} aria-hidden />
      </button>
    );
  return (
    <Menu opened={opened} onChange={setOpened} position="bottom-end" width={230} shadow="md" withinPortal>
      <Menu.Target>
        <ActionIcon className="row-action" variant="transparent" size={26} aria-label={label} title={label}>
          <IconDotsVertical size={15} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map(({ label: name, keys, disabled = false, danger = false, onClick }) => (
          <Menu.Item
            key={name}
            disabled={disabled}
            onClick={onClick}
            {...(danger ? { color: 'red' } : {})}
            rightSection={keys === undefined ? undefined : <kbd className="keys">{keys}</kbd>}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

import { ActionIcon, Menu, Select, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconBook2, IconDotsVertical, IconLogout2, IconMoon, IconSun } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Mark } from './parts/Mark.tsx';
import { hrefOf, PAGES, type PageName } from './navigation.ts';
import { useSession } from './session.ts';

/** The bar at the top, the same on every page. */
export function Frame({ page, children }: { page: PageName; children: ReactNode }) {
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <a className="brand" href={hrefOf('live')} aria-label="Jane Traits, live page">
          <Mark size={26} />
          <span className="brand-name">Jane Traits</span>
        </a>
        <WorkspaceName />
        <nav className="pages" aria-label="Pages">
          {PAGES.map(({ name, title }) => (
            <a key={name} href={hrefOf(name)} aria-current={name === page ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div className="bar-end">
          <SchemeToggle />
          <MoreMenu />
        </div>
      </header>
      <main id="content" className="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function WorkspaceName() {
  const { workspace, workspaces, choose } = useSession();
  if (workspaces.length < 2)
    return (
      <span className="workspace" title={`Workspace ${workspace.id}, ${workspace.time_zone}`}>
        {workspace.name}
      </span>
    );
  return (
    <Select
      className="workspace-picker"
      size="xs"
      aria-label="Workspace"
      searchable={workspaces.length > 8}
      allowDeselect={false}
      value={workspace.id}
      data={workspaces.map(({ id, name }) => ({ value: id, label: name }))}
      onChange={(id) => id !== null && id !== workspace.id && choose(id)}
    />
  );
}

export function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark';
  const label = dark ? 'Light colours' : 'Dark colours';
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={label}
        onClick={() => setColorScheme(dark ? 'light' : 'dark')}
      >
        {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}

function MoreMenu() {
  const { leave } = useSession();
  return (
    <Menu position="bottom-end" shadow="md" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="More">
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href="/docs" target="_blank" rel="noopener" leftSection={<IconBook2 size={16} />}>
          API reference
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout2 size={16} />} onClick={leave}>
          Use another key
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

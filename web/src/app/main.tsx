import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '../design/tokens.css';
import '../design/base.css';
import '../design/parts.css';
import './layout.css';
import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { createQueries } from '../data/queries.ts';
import { theme } from '../design/theme.ts';
import { App } from './App.tsx';

/** What is shown before it is loaded appears then. */
const Notifications = lazy(() =>
  import('@mantine/notifications').then(({ Notifications: component }) => ({ default: component })),
);
const queries = createQueries();
const colorSchemes = localStorageColorSchemeManager({ key: 'jane-traits-color-scheme' });

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} colorSchemeManager={colorSchemes} defaultColorScheme="auto">
      <Suspense fallback={null}>
        <Notifications position="bottom-right" autoClose={6_000} />
      </Suspense>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

import { getCountries } from 'libphonenumber-js/min';
import { expect, it } from 'vitest';
import { COUNTRIES } from './countries.ts';

it('the countries to choose from are those that the API takes', () => {
  expect(COUNTRIES.map(({ value }) => value).sort()).toEqual([...getCountries()].sort());
  expect(COUNTRIES.find(({ value }) => value === 'US')?.label).toBe('United States (US)');
});

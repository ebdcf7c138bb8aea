// What the parts of a scenario have to do with each other: names that must be there, figures that suit a model, steps that have
// what they need and nothing that they do not use.

import { LINK_PROFILES, STORAGE_PROFILES } from '../../bindings/path/model/profiles.ts';
import type { Field } from './field-error.ts';
import { isTraceLoad, type LinkSettings, type Scenario, type ScriptStep, type StepAction } from './scenario.ts';
import { storageOf } from './storage-figures.ts';
import { parseDuration } from './units.ts';

type Say = (field: Field, message: string) => void;

const ELEVATORS: readonly string[] = ['mq-deadline', 'kyber', 'scan', 'none'];
/** The only device of `map` and `table`. */
export const ONLY_DEVICE = 'mp';

export function checkScenario(scenario: Scenario, say: Say): void {
  const tables = [scenario.map, scenario.table, scenario.devices].filter((one) => one !== undefined);
  if (tables.length !== 1) say([], 'expected one of "map", "table" and "devices"');
  checkStorage(scenario, say);
  checkPaths(scenario, say);
  checkDevices(scenario, say);
  for (const [index, step] of scenario.script.entries()) checkStep(scenario, step, ['script', index], say);
}

function known(say: Say, field: Field, what: string, name: string | undefined, names: Iterable<string>): boolean {
  const all = [...names];
  if (name === undefined || all.includes(name)) return true;
  say(field, `no ${what} "${name}": expected one of ${all.join(', ')}`);
  return false;
}

function checkStorage({ storage }: Scenario, say: Say): void {
  if (Object.keys(storage).length === 0) say(['storage'], 'expected at least one storage');
  for (const [name, { model, set }] of Object.entries(storage)) {
    if (!known(say, ['storage', name, 'model'], 'model', model, STORAGE_PROFILES.keys())) continue;
    storageOf(model, set, (path, message) => say(['storage', name, 'set', ...path], message));
  }
}

function checkPaths({ storage, links, paths }: Scenario, say: Say): void {
  const linkNames = [...LINK_PROFILES.keys(), ...Object.keys(links)];
  const checkLike = ({ like }: LinkSettings, field: Field): void => {
    known(say, [...field, 'like'], 'link', like, LINK_PROFILES.keys());
  };
  for (const [name, link] of Object.entries(links)) checkLike(link, ['links', name]);
  if (Object.keys(paths).length === 0) say(['paths'], 'expected at least one path');
  for (const [name, { to, controller, link }] of Object.entries(paths)) {
    if (typeof link === 'string') known(say, ['paths', name, 'link'], 'link', link, linkNames);
    else checkLike(link, ['paths', name, 'link']);
    if (!known(say, ['paths', name, 'to'], 'storage', to, Object.keys(storage))) continue;
    const controllers = storage[to]?.array?.controllers ?? 1;
    if (controller >= controllers) {
      const there = controllers === 1 ? 'only controller 0' : `controllers 0 to ${controllers - 1}`;
      say(['paths', name, 'controller'], `"${to}" has no controller ${controller}: it has ${there}`);
    }
  }
}

function checkDevices(scenario: Scenario, say: Say): void {
  const { map, devices, paths, load } = scenario;
  checkElevator(scenario.elevator, ['elevator'], say);
  const { groups } = map ?? {};
  for (const [index, names] of (Array.isArray(groups) ? groups : []).entries()) {
    for (const [at, name] of names.entries()) known(say, ['map', 'groups', index, at], 'path', name, Object.keys(paths));
  }
  const names = devices?.map(({ name }) => name) ?? [ONLY_DEVICE];
  for (const [index, { name, elevator }] of (devices ?? []).entries()) {
    if (names.indexOf(name) < index) say(['devices', index, 'name'], `the name "${name}" is there twice`);
    checkElevator(elevator, ['devices', index, 'elevator'], say);
  }
  for (const [index, one] of load.entries()) {
    known(say, ['load', index, 'device'], 'device', one.device, names);
    if (!isTraceLoad(one) && one.random_distribution.startsWith('pareto:') && !(Number(one.random_distribution.slice(7)) > 0)) {
      say(['load', index, 'random_distribution'], 'expected pareto:H with H above 0 and below 1');
    }
  }
}

function checkElevator(name: string | undefined, field: Field, say: Say): void {
  known(say, field, 'elevator', name, ELEVATORS);
}

/** Fields beside `at`, `when` and `do` that a step has. */
const FIELDS: Readonly<Record<StepAction, readonly (keyof ScriptStep)[]>> = {
  down: ['path', 'for'],
  up: ['path'],
  slow: ['path', 'value', 'for'],
  errors: ['path', 'status', 'rate', 'for'],
  queue_depth: ['path', 'value', 'for'],
  flap: ['path', 'value', 'for'],
  reboot: ['storage', 'controller', 'for'],
};
const ALL_FIELDS: readonly (keyof ScriptStep)[] = ['path', 'storage', 'controller', 'value', 'status', 'rate', 'for'];

function checkStep(scenario: Scenario, step: ScriptStep, field: Field, say: Say): void {
  const at = (name: string): Field => [...field, name];
  for (const name of ALL_FIELDS) {
    if (step[name] !== undefined && !FIELDS[step.do].includes(name)) {
      say(at(name), `is nothing for "${step.do}": expected only ${FIELDS[step.do].join(', ')}`);
    }
  }
  checkMoment(scenario, step, at, say);
  const pathNames = Object.keys(scenario.paths);
  const names = step.path === undefined ? [] : typeof step.path === 'string' ? [step.path] : step.path;
  for (const name of names) known(say, at('path'), 'path', name, pathNames);
  if (step.do !== 'reboot' && step.path === undefined) say(at('path'), 'expected the path that this happens to');
  checkValue(step, at, say);
  if (step.do === 'reboot') checkReboot(scenario, step, at, say);
}

function checkMoment({ paths }: Scenario, { at: atNs, when }: ScriptStep, at: (name: string) => Field, say: Say): void {
  if ((atNs === undefined) === (when === undefined)) say(at('at'), 'expected one of "at" and "when"');
  if (when === undefined) return;
  const conditions = [when.ios, when.failed, when.reinstated].filter((one) => one !== undefined);
  if (conditions.length !== 1) say(at('when'), 'expected one of "ios", "failed" and "reinstated"');
  for (const name of ['failed', 'reinstated'] as const) {
    known(say, [...at('when'), name], 'path', when[name], Object.keys(paths));
  }
}

function checkValue(step: ScriptStep, at: (name: string) => Field, say: Say): void {
  const number = typeof step.value === 'number' ? step.value : Number.NaN;
  switch (step.do) {
    case 'slow':
      if (!(number >= 1 && number <= 1e6)) say(at('value'), 'expected how many times as slow, a number from 1 to 1000000');
      break;
    case 'queue_depth':
      if (!(Number.isInteger(number) && number >= 1 && number <= 65_536))
        say(at('value'), 'expected the depth of the port, a whole number from 1 to 65536');
      break;
    case 'errors':
      if (step.rate === undefined) say(at('rate'), 'expected the share of calls that fail, 0 to 1');
      break;
    case 'flap':
      if (!((parseDuration(step.value ?? '') ?? 0) > 0))
        say(at('value'), 'expected a time above 0: down for so long, up for so long');
      if (step.for === undefined) say(at('for'), 'expected how long it flaps');
      break;
    default:
  }
}

function checkReboot({ storage }: Scenario, step: ScriptStep, at: (name: string) => Field, say: Say): void {
  if (step.controller === undefined) say(at('controller'), 'expected the number of a controller to reboot');
  if (step.for === undefined) say(at('for'), 'expected how long the reboot takes');
  if (step.storage === undefined) {
    say(at('storage'), 'expected the storage whose controller reboots');
    return;
  }
  if (!known(say, at('storage'), 'storage', step.storage, Object.keys(storage))) return;
  const controllers = storage[step.storage]?.array?.controllers;
  if (controllers === undefined) say(at('storage'), `"${step.storage}" has no controllers: expected one with "array"`);
  else if ((step.controller ?? 0) >= controllers) {
    say(at('controller'), `"${step.storage}" has no controller ${step.controller}: it has ${controllers}, from 0 on`);
  }
}

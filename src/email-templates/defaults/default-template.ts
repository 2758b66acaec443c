import type { EventType } from '../../event-types/event-type.js';
import { compose } from '../compose.js';
import type { Drafts } from '../draft.js';
import type { TemplateText } from '../render.js';
import { accessRequests } from './access-requests.js';
import { appliance } from './appliance.js';
import { backups } from './backups.js';
import { certificates } from './certificates.js';
import { cluster } from './cluster.js';
import { commonDraft } from './common.js';
import { licenses } from './licenses.js';
import { passwords } from './passwords.js';
import { policies } from './policies.js';
import { sshKeys } from './ssh-keys.js';
import { users } from './users.js';

/** The event types whose default template has texts of its own. */
export const ownDrafts: Drafts = {
  ...accessRequests, ...appliance, ...backups, ...certificates, ...cluster, ...licenses, ...passwords, ...policies, ...sshKeys, ...users,
};

function make(type: EventType): Readonly<TemplateText> {
  const own = type.builtIn && Object.hasOwn(ownDrafts, type.name) ? ownDrafts[type.name] : undefined;
  return Object.freeze(compose(type, own ?? commonDraft(type)));
}

/** Built-in types live as long as the process, and the same few are asked for with every event. */
const made = new WeakMap<EventType, Readonly<TemplateText>>();

/** The template of an event type as long as no administrator has changed it. It works with any, or none, of the type's properties. */
export function defaultTemplate(type: EventType): Readonly<TemplateText> {
  const template = made.get(type) ?? make(type);
  if (type.builtIn) made.set(type, template);
  return template;
}

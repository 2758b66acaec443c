import { useRelay } from '../process/mailroom-process.js';
import { type PlannedEvent, Publisher } from './publisher.js';
import { SmtpSink } from './smtp-sink.js';
import type { World } from './world.js';

/** Event types of the burst, and who subscribes to them. */
export const SUBSCRIBERS = {
  PasswordCheckFailed: ['ada@example.com', 'bob@example.com', 'cyd@example.com'],
  PasswordChangeFailed: ['ada@example.com', 'dan@example.com'],
};
const TYPES = Object.keys(SUBSCRIBERS) as (keyof typeof SUBSCRIBERS)[];
const EVENTS = 40;
/** A message that does not fit into one read of the mail server, so that there is a middle of it. */
const LONG = 60_000;

export interface SceneOptions {
  /** SMTP connections of each worker. */
  connections: number;
  longMails: boolean;
  /** Whether a mail in doubt is not sent again. */
  atMostOnce: boolean;
}

/** What a cell has for itself in the world: a mail server, a publisher, and events with names of their own. */
export interface Scene extends World {
  sink: SmtpSink;
  publisher: Publisher;
  events: PlannedEvent[];
}

let scenes = 0;

export async function openScene(world: World, options: SceneOptions): Promise<Scene> {
  const sink = new SmtpSink();
  await sink.open();
  try {
    await setUp(world, sink.port, options);
  } catch (error) {
    await sink.close();
    throw error;
  }
  scenes += 1;
  const events = Array.from({ length: EVENTS }, (_, index) => ({ name: `${scenes}-${index + 1}`, type: TYPES[index % TYPES.length]! }));
  return { ...world, sink, publisher: new Publisher(world.cluster.api.url), events };
}

/** The subject is the event's name alone, so that whoever has a mail knows its event. */
async function setUp({ cluster: { api: { api } } }: World, port: number, { connections, longMails, atMostOnce }: SceneOptions): Promise<void> {
  await useRelay(api, port, { maxConnections: connections });
  const htmlBody = longMails ? `<p>${'long '.repeat(LONG / 5)}</p>` : null;
  for (const type of TYPES) {
    await api.put(`/v1/event-types/${type}`, { deliveryPolicy: atMostOnce ? 'atMostOnce' : 'atLeastOnce' }).expect(200);
    await api.put(`/v1/email-templates/${type}`, { subject: '{{ AccountName }}', textBody: 'It was {{ AccountName }}.', htmlBody }).expect(200);
  }
  const { items } = (await api.get('/v1/subscriptions').expect(200)).body as { items: unknown[] };
  if (items.length > 0) return;
  for (const emailAddress of new Set(Object.values(SUBSCRIBERS).flat())) {
    const eventTypes = TYPES.filter((type) => SUBSCRIBERS[type].includes(emailAddress));
    await api.post('/v1/subscriptions', { emailAddress, eventTypes }).expect(201);
  }
}

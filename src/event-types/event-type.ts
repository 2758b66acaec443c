export type EventLevel = 'info' | 'warning' | 'error';
export type PropertyType = 'string' | 'integer' | 'number' | 'boolean' | 'dateTime' | 'uri';

/**
 * What is done with an e-mail when the connection, or the worker, died after the message was handed over, so that only the server knows whether it has it
 * (RFC 1047). `atLeastOnce`: it is sent again, with the same Message-ID; a reader may get it twice. `atMostOnce`: it stays `unconfirmed`; a reader may not get it.
 */
export type DeliveryPolicy = 'atLeastOnce' | 'atMostOnce';

/** A property that events of a type can carry; its name is the name of the macro in templates. */
export interface EventProperty {
  name: string;
  type: PropertyType;
  description: string;
  /** An event without it is refused. Built-in types require none. */
  required: boolean;
}

/** A kind of event that services publish and people subscribe to. */
export interface EventType {
  name: string;
  category: string;
  /** The name in readable words, ASCII for built-in types. */
  displayName: string;
  /** What happened, in one sentence. */
  description: string;
  level: EventLevel;
  builtIn: boolean;
  properties: EventProperty[];
}

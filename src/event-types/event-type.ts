export type EventLevel = 'info' | 'warning' | 'error';
export type PropertyType = 'string' | 'integer' | 'number' | 'boolean' | 'dateTime' | 'uri';

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

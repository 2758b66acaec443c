import { type FieldErrors, ValidationService } from '@tsoa/runtime';
import { MAX_FAULTS } from './validation-errors.js';

interface Validators {
  maxItems?: { value: number; errorMsg?: string };
}

/** How many more faults are looked for. A symbol is no path: tsoa, which lists the paths, does not see it. */
const ROOM = Symbol('room for more faults');
type Faults = FieldErrors & { [ROOM]?: number };

/** Of what tsoa knows of a value, what matters here. */
interface Property {
  dataType?: string;
  enums?: unknown[];
}

/** What tsoa's validation does inside; it is not in its types. */
interface Validation {
  repaired?: boolean;
  ValidateParam(property: unknown, value: unknown, name: string | undefined, faults: Faults, isBody: boolean, parent?: string): unknown;
  validateArray(name: string, value: unknown, faults: Faults, isBody: boolean, schema: unknown, validators?: Validators, parent?: string): unknown;
}

/**
 * Repairs the validation of tsoa 6.6; tests fail when an update of tsoa makes this unnecessary or wrong.
 * - It counts the faults that it has found again at each value, and never stops: a small body with many faults kept the process busy for
 *   half a minute. Once a request has MAX_FAULTS, nothing more of it is looked at; it is refused anyway.
 * - It looks at each item of a list before it counts them. A list that is too long is refused as such.
 * - It compares literals as text, so that ["ecP384"] passed for "ecP384" and "null" for null. In a body a literal is itself alone; elsewhere all
 *   values are text.
 * - It loses the path in front of faults inside lists: "$1.type" for "body.events.$1.type".
 */
export function repairValidation(): void {
  const prototype = ValidationService.prototype as unknown as Validation;
  if (prototype.repaired) return;
  Object.assign(prototype, { ValidateParam: untilFull(exactly(prototype.ValidateParam)), validateArray: withPath(refusingLong(prototype.validateArray)) });
  Object.defineProperty(prototype, 'repaired', { value: true });
}

/** Each value gets a list of faults of its own, so that counting costs nothing while there are none. */
function untilFull(validateParam: Validation['ValidateParam']): Validation['ValidateParam'] {
  return function (this: Validation, property, value, name, faults, isBody, parent) {
    const room = faults[ROOM] ?? MAX_FAULTS;
    if (room <= 0) return value;
    const own: Faults = { [ROOM]: room };
    const validated = validateParam.call(this, property, value, name, own, isBody, parent);
    const found = Object.keys(own).length;
    if (found > 0) Object.assign(faults, own, { [ROOM]: room - found });
    return validated;
  };
}

/** What is no literal is judged as an object, which no literal is the text of: so tsoa itself refuses it, in its own words. */
function exactly(validateParam: Validation['ValidateParam']): Validation['ValidateParam'] {
  return function (this: Validation, property, value, name, faults, isBody, parent) {
    const { dataType, enums } = property as Property;
    const isOther = dataType === 'enum' && isBody && value !== undefined && enums?.includes(value) === false;
    return validateParam.call(this, property, isOther ? {} : value, name, faults, isBody, parent);
  };
}

function refusingLong(validateArray: Validation['validateArray']): Validation['validateArray'] {
  return function (this: Validation, name, value, faults, isBody, schema, validators, parent = '') {
    const most = validators?.maxItems;
    if (!most || !Array.isArray(value) || value.length <= most.value) return validateArray.call(this, name, value, faults, isBody, schema, validators, parent);
    faults[`${parent}${name}`] = { message: most.errorMsg ?? `maxItems ${most.value}` };
    return undefined;
  };
}

function withPath(validateArray: Validation['validateArray']): Validation['validateArray'] {
  return function (this: Validation, name, value, faults, isBody, schema, validators, parent = '') {
    return validateArray.call(this, `${parent}${name}`, value, faults, isBody, schema, validators, '');
  };
}

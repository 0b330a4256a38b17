import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LinkedList, type Listed } from '../../../src/core/linked-list.ts';

class Member implements Listed<Member, string> {
  readonly name: number;
  list: LinkedList<Member, string> | undefined = undefined;
  previous: Member | undefined = undefined;
  next: Member | undefined = undefined;

  constructor(name: number) {
    this.name = name;
  }
}

function forwards(list: LinkedList<Member, string>): number[] {
  const names: number[] = [];
  for (let member = list.first; member !== undefined; member = member.next) names.push(member.name);
  return names;
}

function backwards(list: LinkedList<Member, string>): number[] {
  const names: number[] = [];
  for (let member = list.last; member !== undefined; member = member.previous) names.push(member.name);
  return names;
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), list: fc.nat(1) }),
  fc.record({ kind: fc.constant('insert' as const), list: fc.nat(1), at: fc.nat(10) }),
  fc.record({ kind: fc.constant('shift' as const), list: fc.nat(1) }),
  fc.record({ kind: fc.constant('remove' as const), list: fc.nat(1), which: fc.nat(30) }),
);

describe('a list', () => {
  test('is an array, whatever is done to two of them (model)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const lists = [new LinkedList<Member, string>('a'), new LinkedList<Member, string>('b')];
        const models: Member[][] = [[], []];
        const all: Member[] = [];
        for (const each of steps) {
          const list = lists[each.list];
          const model = models[each.list];
          if (each.kind === 'push') {
            const member = new Member(all.length);
            all.push(member);
            list.push(member);
            model.push(member);
          } else if (each.kind === 'insert' && model.length > 0) {
            const member = new Member(all.length);
            all.push(member);
            const at = each.at % model.length;
            list.insertBefore(model[at], member);
            model.splice(at, 0, member);
          } else if (each.kind === 'shift') {
            expect(list.shift()).toBe(model.shift());
          } else if (each.kind === 'remove' && all.length > 0) {
            const member = all[each.which % all.length];
            const at = model.indexOf(member);
            expect(list.remove(member)).toBe(at >= 0);
            if (at >= 0) model.splice(at, 1);
          }
          for (const [index, checked] of lists.entries()) {
            const names = models[index].map((member) => member.name);
            expect(checked.size).toBe(names.length);
            expect(forwards(checked)).toEqual(names);
            expect(backwards(checked)).toEqual(names.toReversed());
          }
          for (const member of all) {
            const index = models.findIndex((members) => members.includes(member));
            expect(member.list).toBe(lists[index]);
          }
        }
      }),
    );
  });

  test('a member that has left holds on to no other', () => {
    const list = new LinkedList<Member, string>('owner');
    const members = [0, 1, 2].map((name) => new Member(name));
    for (const member of members) list.push(member);
    list.remove(members[1]);
    expect(members[1]).toMatchObject({ list: undefined, previous: undefined, next: undefined });
  });

  test('a member knows the owner of its list', () => {
    const list = new LinkedList<Member, string>('owner');
    const member = new Member(0);
    list.push(member);
    expect(member.list?.keeper).toBe('owner');
  });
});

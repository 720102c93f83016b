import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { openDoor } from './door.ts'

test('a crowd is taken in in its order, a few at a time', async () => {
  const door = openDoor(2)
  const order: number[] = []
  let inside = 0
  let most = 0
  const admit = async (index: number) => {
    inside += 1
    most = Math.max(most, inside)
    await sleep(1)
    order.push(index)
    inside -= 1
  }
  await Promise.all(Array.from({ length: 40 }, (_, index) => door(() => admit(index))))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(most).toBe(2)
})

test('one that fails keeps nobody out, and who has waited too long is told to come again', async () => {
  const door = openDoor(1)
  await expect(
    door(async () => {
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  const now = vi.spyOn(performance, 'now').mockReturnValue(0)
  const admit = vi.fn(async () => 'in')
  const held = door(async () => {
    now.mockReturnValue(31_000)
  })
  const late = door(admit)
  await held
  await expect(late).rejects.toMatchObject({ code: 'unavailable', headers: { 'retry-after': '2' } })
  expect(admit).not.toHaveBeenCalled()
  expect(await door(admit)).toBe('in')
  now.mockRestore()
})

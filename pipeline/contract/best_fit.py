"""Best-fit decreasing: things of different sizes into boxes of one."""

from bisect import bisect_left, insort
from collections.abc import Sequence


def best_fit_decreasing(sizes: Sequence[int], room: int) -> list[list[int]]:
    """Boxes of the indices of what lies in them: the largest first, each into the box that it fills best.

    At most 11/9 of the least number of boxes (Johnson 1974); O(n log n + n·boxes). Equal sizes keep their order.
    """
    boxes: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (free, box), ascending
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        place = bisect_left(rooms, (sizes[index], -1))
        if place == len(rooms):
            free, box = room, len(boxes)
            boxes.append([])
        else:
            free, box = rooms.pop(place)
        boxes[box].append(index)
        if free > sizes[index]:
            insort(rooms, (free - sizes[index], box))
    return boxes

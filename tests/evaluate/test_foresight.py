"""What check promises is what the statistics say, for the tasks that are asked."""

from tutelage.evaluate.foresight import foresee
from tutelage.statistics import detectable, detectable_share


def test_the_smallest_and_the_largest_task_are_told():
    small, large = foresee([40, 0, 200, 100], 0.95)
    assert (small.items, small.tests, large.items, large.tests) == (40, 3, 200, 3)
    assert large.graded == detectable(200, 0.25, confidence=0.95, tests=3)
    assert large.right_or_wrong == detectable_share(200, 0.25, confidence=0.95, tests=3)
    assert small.graded > large.graded and small.right_or_wrong > large.right_or_wrong


def test_tasks_of_one_size_are_told_once_and_nothing_asked_tells_nothing():
    assert len(foresee([24, 24], 0.95)) == 1
    assert foresee([0, 0], 0.95) == foresee([], 0.95) == []


def test_too_few_items_are_called_that():
    (few,) = foresee([4], 0.95)
    assert few.graded is None and few.right_or_wrong is None

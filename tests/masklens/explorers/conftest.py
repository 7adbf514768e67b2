"""Lets failures in the helpers of these tests say what differed."""

import pytest

pytest.register_assert_rewrite("drawn")

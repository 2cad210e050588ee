"""Every rule that keeps law from flipping is needed: without it, a test about it fails."""

from collections.abc import Callable
from typing import Any

import pytest
import test_deciding
import test_ended_devices
import test_hand_overs
import test_openings
import test_removals
import test_seals
import test_takeovers

from node.domain.law import deciding, emergency, endings, sealed
from node.domain.law.view import View


def _nothing(*_: Any) -> Any:
    """Stand in for a rule that was taken out."""


def _none(*_: Any) -> Any:
    """Stand in for a rule that names what stands against something."""
    return set()


@pytest.mark.parametrize(
    ("owner", "rule", "story"),
    [
        (
            deciding,
            "one_root_each",
            test_seals.test_a_second_support_in_one_log_does_not_count_and_the_first_seal_stays,
        ),
        (
            deciding,
            "barred_after_hand_over",
            test_hand_overs.test_who_supported_a_hand_over_is_barred_from_the_old_auditors_seals,
        ),
        (
            deciding,
            "older_candidate",
            lambda: test_hand_overs.test_new_auditors_have_to_uphold_an_older_candidate_in_their_past(upholds=True),
        ),
        (deciding, "names_all", test_deciding.test_a_seal_that_leaves_out_a_ballot_of_its_own_past_is_refused),
        (deciding, "opened_once", test_openings.test_a_vote_under_way_is_not_opened_anew_with_an_earlier_date),
        (View, "is_cut", test_removals.test_a_removed_stewards_stale_word_confirms_no_opening),
        (View, "is_cut", test_removals.test_a_removed_members_backdated_vouch_for_a_friend_is_void),
        (View, "is_cut", test_removals.test_an_accomplice_with_a_stale_past_lets_nobody_in_on_a_removed_members_vouch),
        (
            deciding,
            "barred_after_takeover",
            test_takeovers.test_an_auditor_who_handed_over_with_the_members_seals_nothing_more_with_the_old_ones,
        ),
        (
            deciding,
            "older_candidate",
            test_takeovers.test_new_auditors_uphold_what_the_old_ones_began,
        ),
        (
            emergency,
            "pause_is_over",
            lambda: test_takeovers.test_the_pause_is_kept_to_the_millisecond(1, "auditors may still seal this vote"),
        ),
        (emergency, "only_auditors", test_takeovers.test_only_a_change_of_auditors_is_decided_without_auditors),
        (emergency, "leaves_out_nobody", test_takeovers.test_an_opener_who_leaves_members_out_hands_over_nothing),
        (
            sealed,
            "more_than_half",
            test_takeovers.test_after_the_pause_more_than_half_hand_over_without_auditors,
        ),
        (View, "_revoked", test_ended_devices.test_vouching_of_an_ended_device_does_not_count),
        (
            endings,
            "_against",
            lambda: test_ended_devices.test_what_an_ended_device_says_beyond_its_end_is_void("end another", True),
        ),
        (
            View,
            "duty_device",
            test_ended_devices.test_an_auditors_duty_goes_over_to_the_laptop_that_ends_the_one_that_had_it,
        ),
        (View, "fork_of", test_deciding.test_ballots_of_a_voter_who_forked_their_log_count_neither_way),
    ],
    ids=lambda part: part if isinstance(part, str) else getattr(part, "__name__", ""),
)
def test_without_a_rule_the_test_about_it_fails(
    monkeypatch: pytest.MonkeyPatch, owner: Any, rule: str, story: Callable[[], None]
) -> None:
    story()
    monkeypatch.setattr(owner, rule, _none if rule == "_against" else _nothing)

    with pytest.raises((AssertionError, KeyError)):
        story()

//! The list of all cases, and the tests that are made of it.
//!
//! Owns [`conformance!`](crate::conformance), and the one list that it and
//! [`cases::all`](crate::cases::all) share: a case that is not in it is run by nobody, and a test of the
//! kit looks for such.

/// Makes a test of every case: `name::group::case`, each on a setup of its own.
///
/// ```
/// use larder_testkit::Memory;
///
/// larder_testkit::conformance!(memory, Memory, without [Keep, Crash, Plant, Fail]);
/// # fn main() {}
/// ```
///
/// The second argument is an expression that makes a new [`Setup`](crate::Setup). After it stand the
/// [abilities](crate::Ability) that the setup does not have, if any. The tests of the cases that need one
/// are *ignored*, with that as the reason, so that the harness counts them and nobody takes them for
/// passed. One test more, `name::the_setup_says_what_it_cannot`, holds the list against
/// [`Setup::abilities`](crate::Setup::abilities) and prints how many cases apply.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $setup:expr $(,)?) => {
        $crate::conformance!($name, $setup, without []);
    };
    ($name:ident, $setup:expr, without [$($without:ident),* $(,)?] $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the setup may need none of them")]
            use super::*;

            fn setup() -> impl $crate::Setup {
                $setup
            }

            #[test]
            fn the_setup_says_what_it_cannot() {
                let without = [$($crate::Ability::$without),*];
                $crate::check_claims(::core::stringify!($name), &setup(), &without);
            }

            $crate::__for_each_case! { [$crate::__tests] [$($without)*] }
        }
    };
}

/// Hands the list of all cases to another macro, after what else that is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_case {
    ([$($callback:tt)*] $given:tt) => {
        $($callback)*! {
            $given
            visible {
                a_save_is_seen_by_the_next_read [];
                every_verb_is_seen_by_the_next_read [];
                a_verb_gives_what_it_did [];
                the_operations_of_a_list_happen_in_order [];
                every_handle_sees_it [];
                what_was_read_does_not_change [];
                a_reader_sees_a_list_whole [];
                run_time_fields_are_seen_too [];
                collections_do_not_mix [];
                a_write_carries_its_result [];
            }
            durable {
                a_wait_is_durable [Keep Crash];
                a_wait_with_a_limit_is_durable [Keep Crash];
                an_await_is_durable [Keep Crash];
                a_wait_that_ran_out_can_be_made_again [Keep Crash];
                a_future_that_is_dropped_loses_nothing [Keep Crash];
                a_flush_makes_everything_durable [Keep Crash];
                what_came_before_is_durable_too [Keep Crash];
                a_delete_and_a_clear_are_durable [Keep Crash];
                every_verb_is_durable [Keep Crash];
                a_transaction_is_durable [Keep Crash];
                all_who_wait_at_once_are_durable [Keep Crash];
                what_is_detached_becomes_durable_by_itself [Keep Crash];
                closing_makes_everything_durable [Keep];
                the_last_handle_makes_everything_durable [Keep];
                health_tells_how_far_the_store_has_come [];
            }
            pending {
                who_waits_is_told [Fail];
                reads_and_writes_go_on [Fail];
                what_failed_is_flushed_later [Keep Crash Fail];
                the_store_recovers_by_itself [Keep Crash Fail];
                health_says_so [Fail];
                who_watches_is_told [Fail];
                it_does_not_close_before_it_could_flush [Keep Fail];
                nothing_that_was_safe_is_lost_meanwhile [Keep Crash Fail];
            }
            prefix {
                a_crash_leaves_a_prefix [Keep Crash];
                a_transaction_is_there_or_not [Keep Crash];
                recovering_twice_gives_the_same [Keep Crash];
                a_reopen_finds_everything [Keep];
                the_last_write_before_a_close_is_found [Keep];
                reopening_changes_nothing [Keep];
                what_is_not_opened_is_not_lost [Keep];
            }
            rejected {
                what_is_not_valid_leaves_the_view_and_is_told [Keep Plant];
                no_issue_tells_a_value [Keep Plant];
                its_exact_bytes_are_kept [Keep Plant];
                it_is_kept_once_and_for_good [Keep Plant];
                what_is_rejected_holds_no_key [Keep Plant];
                of_two_with_one_key_the_smaller_id_stays [Keep Plant];
                what_was_rejected_can_be_restored [Keep Plant];
                what_is_still_wrong_is_not_restored [Keep Plant];
                a_purge_forgets_what_it_is_told [Keep Plant];
                a_store_may_refuse_what_is_not_valid [Keep Plant];
                a_store_may_mend_what_is_not_valid [Keep Plant];
                for_reading_nothing_is_changed [Keep Plant ReadOnly];
                the_store_reports_what_its_collections_report [Keep Plant];
                what_was_offered_can_be_kept [];
                what_was_offered_is_durable [Keep Crash];
            }
            accepted {
                what_is_saved_comes_back_the_same [Keep];
                odd_ids_are_ids [];
                the_longest_id_is_an_id [];
                every_violation_is_told [];
                a_rule_of_the_type_is_told [];
                what_does_not_read_back_is_refused [];
                what_is_too_deep_to_be_read_is_refused [];
                a_schema_given_at_run_time_is_held [];
                documents_keep_their_text [Keep];
                verifying_finds_nothing_wrong [];
                the_definition_is_known [];
                the_definition_is_kept [Keep];
            }
            versions {
                older_data_is_migrated [Keep];
                older_data_without_migrations_is_taken [Keep];
                a_step_that_is_missing_refuses_the_open [Keep];
                newer_data_is_refused [Keep];
                newer_data_may_be_read [Keep];
                fields_that_a_type_does_not_know_stay [Keep];
            }
            refused {
                what_the_schema_rejects_changes_nothing [];
                what_breaks_a_rule_changes_nothing [];
                a_number_that_is_none_changes_nothing [];
                a_key_that_is_taken_changes_nothing [];
                a_pair_that_is_taken_changes_nothing [];
                an_id_that_cannot_be_changes_nothing [];
                another_id_changes_nothing [];
                what_is_there_already_changes_nothing [];
                what_was_changed_since_changes_nothing [];
                a_closure_that_refuses_changes_nothing [];
                a_closure_that_panics_changes_nothing [];
                twins_in_a_list_change_nothing [];
                the_first_that_cannot_be_done_is_told [];
                what_cannot_be_a_key_changes_nothing [];
                what_was_refused_is_not_found_later [Keep];
            }
            indexes {
                a_unique_key_moves_with_its_record [];
                a_unique_key_is_free_when_its_record_is_gone [];
                two_records_may_exchange_their_keys [];
                none_is_held_to_nothing [];
                a_list_has_an_entry_for_each_element [];
                a_compound_key_is_found_whole_or_by_its_beginning [];
                a_number_is_one_key_however_it_is_written [];
                keys_of_all_kinds_are_in_one_index [];
                they_agree_after_any_history [];
                they_agree_after_a_reopen [Keep];
                they_agree_when_there_are_others [Keep];
            }
            queries {
                without_an_order_it_is_by_id [];
                an_order_is_by_its_key_and_then_by_id [];
                an_order_may_have_several_keys [];
                a_limit_is_what_it_says [];
                a_plan_agrees_with_what_is_found [];
                a_query_that_is_none_is_refused [];
            }
            conditions {
                conditions_on_text_hold [];
                conditions_on_numbers_hold [];
                conditions_on_lists_hold [];
                all_conditions_must_hold [];
                a_filter_may_use_the_store [];
            }
            pages {
                pages_give_every_record_once [];
                a_cursor_goes_on_after_changes [];
                a_cursor_of_another_order_is_refused [];
            }
            conflicts {
                an_insert_over_a_record_is_told_of_it [];
                a_key_that_is_taken_is_told_with_its_holder [];
                a_replace_that_is_too_late_is_told_what_is_there [];
                a_replace_compares_what_is_stored [];
                a_replace_reaches_across_a_restart [Keep];
                a_delete_may_expect_what_it_finds [];
                an_update_runs_again_on_what_is_there [];
                one_of_many_who_replace_wins [];
                one_of_many_who_insert_wins [];
                no_update_is_lost [];
            }
            transactions {
                it_is_one_write [];
                an_error_takes_everything_back [];
                a_panic_takes_everything_back [];
                an_error_of_the_callers_own_comes_back [];
                it_sees_what_it_wrote [];
                its_queries_see_what_it_wrote [];
                a_refused_operation_is_no_part_of_it [];
                a_replace_is_about_what_it_sees [];
                errors_say_what_they_are_about [];
                a_collection_must_be_open [];
                collections_without_types_take_part [];
                run_time_fields_stay [];
            }
            isolation {
                others_see_nothing_before_its_end [];
                readers_see_it_whole [];
                a_nested_one_is_an_error [];
                they_come_one_after_the_other [];
            }
            changes {
                every_change_is_told_once [];
                one_write_is_told_together [];
                what_changes_nothing_is_not_told [];
                what_is_told_is_visible [];
                it_begins_when_one_begins_to_listen [];
                who_applies_what_is_told_has_what_is_there [];
            }
            readers {
                who_does_not_keep_up_is_told_what_was_lost [];
                there_is_room_for_one [];
                every_way_to_wait_gives_the_same [];
                a_closed_store_tells_what_is_left_and_ends [];
                the_last_handle_ends_it [];
                a_reader_that_is_gone_costs_nothing [];
            }
            lifecycle {
                a_closed_store_refuses_everything [];
                a_store_may_be_closed_twice [];
                closing_leaves_no_write_in_between [Keep];
                a_collection_is_opened_once [];
                what_cannot_be_a_collection_is_refused [];
                a_new_store_is_empty [];
                a_repository_keeps_its_store_open [];
                a_second_owner_is_kept_out_or_right [Keep];
                a_store_that_was_let_go_is_free [Keep];
                a_store_for_reading_refuses_writes [ReadOnly];
                several_may_read [Keep ReadOnly];
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($without:tt $($group:ident { $($case:ident [$($need:ident)*];)* })*) => {
        $(mod $group {
            $($crate::__test! { [$($need)*] $without $group $case })*
        })*
    };
}

/// One test: ignored if one of the needs is among what the setup is without.
#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    // Nothing is needed that is missing.
    ([] $without:tt $group:ident $case:ident) => {
        #[test]
        fn $case() {
            $crate::cases::$group::$case(&super::setup());
        }
    };
    ([$need:ident $($needs:ident)*] [$($without:ident)*] $group:ident $case:ident) => {
        $crate::__test! { @look $need [$($without)*] [$($needs)*] [$($without)*] $group $case }
    };
    (@look $need:ident [] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__test! { $needs $without $group $case }
    };
    (@look Keep [Keep $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__ignored! { Keep $case "the setup keeps nothing" }
    };
    (@look Crash [Crash $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__ignored! { Crash $case "the setup cannot crash" }
    };
    (@look Plant [Plant $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__ignored! { Plant $case "the setup cannot plant records" }
    };
    (@look Fail [Fail $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__ignored! { Fail $case "the setup cannot make a flush fail" }
    };
    (@look ReadOnly [ReadOnly $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__ignored! { ReadOnly $case "the setup cannot open for reading only" }
    };
    (@look $need:ident [$other:ident $($rest:ident)*] $needs:tt $without:tt $group:ident $case:ident) => {
        $crate::__test! { @look $need [$($rest)*] $needs $without $group $case }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __ignored {
    ($ability:ident $case:ident $reason:literal) => {
        #[test]
        #[ignore = $reason]
        fn $case() {
            $crate::does_not_apply($crate::Ability::$ability);
        }
    };
}

"""Which tests take long: `pytest -m "not slow"` leaves them out, and they are started first.

A test is listed that takes more than a second of processor time in all its cases, unless that is
the time to import PyTorch. Every package keeps tests that do not take long.
"""

from __future__ import annotations

# Whatever needs one of these waits for every format to be exported and verified.
SLOW_FIXTURES = {"artefacts", "host_inputs"}

# Whole files, the longest first: at the end no process waits for another.
SLOW_FILES = (
    "tests/formats/test_onnx_fused.py",  # compiles an operator, all kernels without build/
    "tests/reproduce/test_reproduce.py",  # trains every run of the paper, once more in PyTorch
    "tests/train/test_distributed.py",  # each training is three processes that import PyTorch
    "tests/train/test_resume.py",  # trainings that are killed, each in a process of its own
    "tests/cli/test_readme.py",  # README's commands as they stand
    "tests/cli/test_docs.py",  # and those of the documentation's pages
    "tests/hosts/test_embedding.py",  # builds and checks host apps
    "tests/hosts/test_npm_package.py",  # packs, installs, a browser, the TypeScript compiler
    "tests/export/test_reference.py",  # the default training with its 30 epochs
    "tests/formats/test_pt2.py",  # torch.export in processes of their own
    "tests/train/test_ray.py",  # starts a cluster
    "tests/export/test_from_artefacts.py",  # TorchScript and torch.export in processes of their own
    "tests/formats/test_torchscript.py",  # TorchScript in processes of their own
    "tests/ops/test_properties.py",  # 700 random shapes for each instruction set
    "tests/bench/test_models.py",  # runs the models of torchvision
    "tests/models/test_torchvision.py",  # traces three of them
)

# Single tests, of files that do not take long otherwise.
SLOW_TESTS = (
    # A browser opens a dozen pages.
    "tests/hosts/test_page_access.py",
    # Drawing: a picture takes longer than a training in tests.
    "tests/bench/test_case.py::test_pictures_are_pictures",
    "tests/plots/test_plots.py::test_the_loss_plot_is_a_png_and_an_svg",
    "tests/plots/test_plots.py::test_the_same_numbers_give_the_same_bytes",
    "tests/runs/test_overview.py::test_runs_are_drawn_in_one_picture",
    "tests/sweep/test_sweep.py::test_a_sweep_trains_ranks_writes_and_continues",
    "tests/sweep/test_sweep.py::test_the_plot_works_for_any_number_of_settings",
    "tests/train/test_schedules.py::test_decay_and_schedule_from_the_command_line_change_the_weights",
    # The benchmark as a user runs it, and torch.compile.
    "tests/bench/test_network.py",
    "tests/bench/test_peers.py::test_a_peer_is_right_or_missing_with_its_remedy",
    "tests/bench/test_peers.py::test_every_case_has_varied_data_and_a_finite_reference",
    "tests/cli/test_bench.py::test_a_real_run_prints_one_document_and_gives_the_cores_back",
    "tests/cli/test_bench.py::test_a_run_of_infer_is_a_baseline_for_the_next",
    "tests/cli/test_bench.py::test_the_table_says_where_weights_and_images_come_from",
    "tests/ops/test_torch_op.py::test_it_compiles_without_a_break_and_gradients_stay",
    # Digits drawn under many conditions, and the search for each.
    "tests/data/test_digit.py::test_a_digit_is_found_in_any_light_and_colour",
    "tests/data/test_digit.py::test_a_digit_is_found_wherever_it_is",
    "tests/data/test_digit.py::test_a_picture_of_8x8_pixels_is_enlarged_smoothly",
    "tests/data/test_digit.py::test_a_tight_crop_is_as_large_as_a_digit_with_a_margin",
    "tests/data/test_digit.py::test_light_between_grainy_strokes_is_no_ink",
    "tests/data/test_photo.py::test_digits_photographed_from_paper_are_recognised_like_the_originals",
    # Files are quantised or compiled, and firmware is emulated.
    "tests/bench/test_graphs.py::test_millions_of_parameters_as_numbers_are_not_compiled",
    "tests/evaluation/test_precisions.py::test_doctor_compares_a_run_with_8_bits_of_it_on_labelled_data",
    "tests/formats/test_c.py::test_without_a_compiler_the_verb_exits_with_3_and_keeps_nothing",
    "tests/formats/test_c_int8.py::test_equal_layers_share_their_structure",
    "tests/formats/test_c_int8.py::test_it_has_the_same_logits_on_an_emulated_microcontroller",
    "tests/formats/test_c_int8.py::test_of_a_convolution_before_a_max_pool_only_a_band_exists",
    "tests/formats/test_onnx_protobuf.py::test_damaged_files_are_read_the_same_or_refused",
    "tests/formats/test_onnx_protobuf.py::test_every_model_in_the_onnx_wheel_is_read_the_same",
    # Own pictures and modules become proven files; torch.compile and torchvision are imported.
    "tests/export/test_models.py::test_plain_pictures_are_data_without_labels",
    "tests/export/test_own_pictures.py::test_the_card_says_how_pictures_get_their_size",
    "tests/models/test_modules.py::test_nodes_of_one_layer_have_names_of_their_own",
    "tests/models/test_modules.py::test_torchvision_says_size_preprocessing_and_names",
    "tests/models/test_modules.py::test_what_is_wrapped_around_a_module_is_looked_through",
    "tests/sweep/test_sweep.py::test_a_run_with_other_settings_in_a_named_sweep_is_refused",
    "tests/sweep/test_sweep.py::test_own_pictures_are_swept_drawn_and_never_trained_twice",
    # ResNet-8 is trained and fine-tuned.
    "tests/train/test_quantisation_aware.py",
    # torch.export, TorchScript and gradients of float64.
    "tests/formats/test_pytorch_graphs.py",
    "tests/export/test_channels_last.py",
    "tests/nn/test_fused_models.py::test_a_slice_and_another_last_layer_work",
    "tests/nn/test_fused_models.py::test_onnx_gets_the_standard_operators",
    "tests/ops/test_torch_op.py::test_gradients_of_any_shape_are_those_of_float64",
    "tests/nn/test_suspicious_models.py::test_it_answers_as_before",
    "tests/nn/test_graph_module.py::test_the_onnx_packages_own_node_tests_pass",
    "tests/nn/test_fused_models.py::test_models_of_torchvision_are_equal_in_both_modes",
    "tests/train/test_normalising.py::test_onnx_takes_raw_or_scaled_pixels_and_is_proven",
    "tests/train/test_networks.py::test_its_onnx_file_is_proven_and_has_its_identity",
    # Networks of the zoo, and mistakes that are tried one after the other.
    "tests/bench/test_graphs.py::test_every_peer_computes_the_same_logits",
    "tests/runtimes/test_program.py::test_every_operator_gives_the_references_values",
    "tests/runtimes/test_program.py::test_fast_convolutions_give_the_references_values",
    "tests/runtimes/test_program.py::test_random_graphs_give_the_references_values",
    "tests/verify/test_culprits.py::test_a_fault_of_another_kind_has_no_culprit",
    # Trainings that are interrupted, repeated or compete.
    "tests/train/test_augmentation.py::test_an_interrupted_augmented_run_resumes_to_the_same_bits",
    "tests/train/test_config_file.py::test_a_runs_own_file_repeats_it",
    "tests/train/test_sole_training.py::test_one_of_two_trainings_gets_a_new_folder",
    # A file of others, changed in many ways.
    "tests/formats/test_onnx_convnet.py::test_weights_in_a_second_file_are_needed_and_stay_in_the_folder",
    "tests/formats/test_onnx_same_graph.py::test_a_flipped_bit_is_refused_or_changes_nothing_that_runs",
    # Trainings of float64, and of whole epochs in PyTorch.
    "tests/train/test_losses.py::test_every_engine_has_the_losses_of_float64",
    "tests/train/test_losses.py::test_the_options_change_the_network_the_same_way_in_both_engines",
    # Compiling C and C++.
    "tests/bench/test_native_tiles.py",
    "tests/csrc/test_dispatch.py::test_the_linker_cannot_share_an_isa_files_code_with_the_baseline",
    "tests/formats/test_c_program.py::test_its_self_test_passes_without_a_library_and_under_sanitizers",
    "tests/formats/test_c.py::test_every_member_of_the_family_stays_in_its_arrays_and_is_right",
    "tests/hosts/test_fitting_hosts.py",
    "tests/hosts/test_host_apps.py",
    "tests/hosts/test_photos.py",
    # Commands for each remedy; in processes of their own, for each text and each hostile file.
    "tests/cli/test_remedies.py",
    "tests/cli/test_text_of_others.py",
    "tests/formats/test_hostile_archives.py",
    "tests/data/test_download.py",
    "tests/system/test_streams.py",
    "tests/train/test_jobs.py",
    # ONNX Runtime for many files, or in processes of their own.
    "tests/doctor/test_compatibility.py",
    "tests/doctor/test_foreign.py",
    "tests/doctor/test_rewrite.py",
    # Many connections; a browser.
    "tests/hosts/test_demo.py::test_a_broken_connection_prints_no_traceback",
    "tests/hosts/test_demo.py::test_a_frame_of_the_camera_goes_the_way_of_a_photo",
    "tests/hosts/test_demo.py::test_half_requests_neither_pile_up_nor_stop_the_page",
    "tests/hosts/test_demo.py::test_the_page_of_a_network_of_any_size_works_in_a_browser",
    "tests/runs/test_manifest.py",
    # Exports, each of which is verified in a process of its own.
    "tests/export/test_options.py::test_a_float32_input_takes_scaled_pixels",
    "tests/export/test_pipeline.py::test_a_damaged_export_is_refused_and_nothing_is_kept",
    "tests/export/test_pipeline.py::test_a_full_disk_exits_with_5_and_leaves_nothing",
    "tests/export/test_pipeline.py::test_finite_weights_with_infinite_logits_are_refused",
    "tests/export/test_pipeline.py::test_the_export_verb_tells_where_what_and_how_sure",
    "tests/export/test_pipeline.py::test_the_verb_exits_with_1_and_keeps_nothing",
    "tests/formats/test_onnx_quantize.py::test_its_accuracy_and_speed_are_reported_beside_the_float_file",
    "tests/export/test_own_data.py",
    "tests/formats/test_onnx_quantise_checks.py",
    "tests/formats/test_pt2_same_program.py",
    "tests/formats/test_registry.py::test_a_row_recognises_and_reads_what_it_writes[pt2]",
    "tests/formats/test_registry.py::test_a_row_recognises_and_reads_what_it_writes[torchscript]",
    "tests/train/test_family.py::test_a_custom_network_trains_exports_and_predicts",
    # Many images, or large networks.
    "tests/data/test_pictures.py::test_a_picture_of_too_many_pixels_is_refused_undecoded",
    "tests/formats/test_onnx_convnet.py::test_a_file_by_pytorchs_exporter_answers_as_pytorch_does",
    "tests/formats/test_onnx_convnet.py::test_damage_is_refused_or_changes_the_answer_at_most",
    "tests/graph/test_conformance.py::test_node_tests_of_known_operators_pass",
    "tests/data/test_photo.py::test_digits_photographed_from_paper_are_recognised_like_the_originals",
    "tests/formats/test_onnx_reader_graph.py::test_a_damaged_file_raises_nothing_but_our_errors",
    "tests/graph/test_conformance.py::test_a_classic_network_gives_its_published_output",
    "tests/nn/test_fusion.py::test_the_models_of_torchvision_answer_the_same",
    "tests/ops/test_conv2d.py::test_any_shape_is_as_exact_as_float32_allows",
    "tests/ops/test_torch_op.py::test_pytorch_finds_no_fault_with_the_operations",
    "tests/train/test_native_engine.py::test_log_probabilities_are_those_of_float64",
    "tests/train/test_native_engine.py::test_predictions_are_those_of_pytorch",
    # Many steps of training, or trainings in processes of their own.
    "tests/train/test_family.py::test_the_first_200_steps_have_the_losses_of_float64",
    "tests/train/test_native_engine.py::test_the_first_200_steps_have_the_losses_of_float64",
    "tests/train/test_native_engine.py::test_training_and_resuming_never_import_pytorch",
    "tests/train/test_schedules.py::test_an_interrupted_schedule_resumes_to_the_same_bits",
    "tests/train/test_schedules.py::test_every_engine_updates_as_adamw_in_float64",
    "tests/train/test_schedules.py::test_metrics_record_each_epochs_rate",
    "tests/train/test_schedules.py::test_validation_and_patience_decide_the_same_in_both_engines",
    "tests/train/test_train.py::test_the_reported_accuracy_is_the_kept_networks",
    # Small trainings, exports, compilations and processes that add up.
    "tests/architecture/test_imports.py::test_every_contract_notices_what_it_forbids",
    "tests/architecture/test_imports.py::test_imports_wait_inside_functions_for_weight_alone",
    "tests/architecture/test_imports.py::test_the_contract_on_imports_is_kept",
    "tests/architecture/test_layout.py::test_names_of_tests_can_be_read_in_one_line",
    "tests/architecture/test_packages.py::test_importing_a_package_imports_no_framework",
    "tests/bench/test_graphs.py::test_a_file_of_another_tool_is_timed_as_a_network",
    "tests/bench/test_graphs.py::test_the_networks_of_the_zoo_have_the_published_multiply_adds",
    "tests/bench/test_graphs.py::test_values_neither_vanish_nor_overflow_in_the_zoo",
    "tests/bench/test_parity.py::test_the_drift_is_described_and_drawn",
    "tests/cli/test_defaults.py::test_a_run_says_and_records_what_it_took_from_the_file",
    "tests/data/own/test_changed_data.py::test_a_run_whose_data_moved_is_resumed_where_it_is",
    "tests/data/own/test_changed_data.py::test_data_that_changed_since_a_run_is_not_resumed",
    "tests/data/own/test_check.py::test_many_pictures_are_not_compared_pair_by_pair",
    "tests/data/own/test_check.py::test_training_says_what_check_would_show",
    "tests/data/test_digit.py::test_digits_side_by_side_are_several",
    "tests/doctor/test_environment.py::test_a_forced_instruction_set_is_shown_and_a_wrong_one_refused",
    "tests/export/test_carried.py::test_a_module_goes_out_as_onnx_and_c_names_all_nodes_in_its_way",
    "tests/export/test_carried.py::test_a_module_that_computes_from_a_batch_is_not_kept",
    "tests/export/test_carried.py::test_a_module_that_ends_in_probabilities_is_told_so",
    "tests/export/test_models.py::test_a_module_becomes_a_proven_file_that_takes_raw_pixels",
    "tests/export/test_models.py::test_what_was_proven_on_drawn_images_is_proven_on_them_again",
    "tests/export/test_own_pictures.py::test_predict_gives_the_network_what_training_gave_it",
    "tests/formats/test_c_int8.py::test_a_fall_of_accuracy_names_the_layers_that_add_most_noise",
    "tests/formats/test_c_int8.py::test_it_compiles_for_microcontrollers",
    "tests/formats/test_c_int8.py::test_it_compiles_without_a_warning_and_tests_itself",
    "tests/formats/test_c_int8.py::test_its_logits_are_those_of_onnx_runtime_to_the_bit",
    "tests/formats/test_c_int8.py::test_the_card_and_the_report_have_every_layers_noise",
    "tests/formats/test_c_program.py::test_compilers_take_it_without_a_warning",
    "tests/formats/test_c_program.py::test_arrays_as_text_hold_the_same_floats",
    "tests/formats/test_c_program.py::test_changed_text_is_refused",
    "tests/formats/test_c_program.py::test_its_logits_are_the_references",
    "tests/formats/test_c_program.py::test_threads_may_call_it_with_arrays_of_their_own",
    "tests/formats/test_checkpoint.py::test_any_flipped_byte_gives_the_same_network_or_a_refusal",
    "tests/formats/test_onnx_convnet.py::test_the_same_network_in_other_words_answers_as_in_onnx_runtime",
    "tests/formats/test_damaged.py::test_damaged_files_of_other_tools_are_refused_or_found_wrong",
    "tests/formats/test_onnx_foreign_int8.py::test_files_that_others_quantised_become_c_to_the_bit",
    "tests/formats/test_onnx_foreign_int8.py::test_the_largest_biases_are_onnx_runtimes",
    "tests/formats/test_onnx_foreign_int8.py::test_what_onnx_runtime_reads_otherwise_is_refused",
    "tests/formats/test_onnx_quantize.py::test_an_accuracy_below_the_bound_is_refused_and_nothing_is_kept",
    "tests/formats/test_onnx_same_graph.py::test_no_test_image_shows_the_invisible_mutants",
    "tests/formats/test_registry.py::test_a_row_recognises_and_reads_what_it_writes",
    "tests/graph/test_passes.py::test_passes_keep_the_outputs_of_any_chain",
    "tests/models/test_modules.py::test_a_module_that_no_graph_holds_has_one_clear_error",
    "tests/models/test_modules.py::test_parameters_of_a_file_are_loaded_by_name",
    "tests/models/test_modules.py::test_what_a_module_leaves_open_has_to_be_said",
    "tests/nn/test_exported.py::test_a_graph_computes_what_the_module_computes",
    "tests/nn/test_native_parts.py::test_torch_compile_hands_over_the_graph",
    "tests/ops/test_threads.py::test_a_fork_while_others_compute_leaves_neither_process_waiting",
    "tests/runs/test_folder.py::test_a_finished_run_holds_these_files_and_no_others",
    "tests/runs/test_folder.py::test_json_is_one_document_and_quiet_is_silent",
    "tests/runs/test_folder.py::test_the_command_prints_accuracy_paths_and_the_next_step",
    "tests/runs/test_folder.py::test_the_steps_within_epochs_are_for_who_wants_them",
    "tests/sweep/test_sweep.py::test_a_sweep_in_which_every_setting_diverges_exits_with_1",
    "tests/sweep/test_sweep.py::test_an_invalid_sweep_is_refused_before_anything_runs",
    "tests/train/test_augmentation.py::test_a_file_of_operations_is_part_of_the_run",
    "tests/train/test_best_and_last.py::test_uneven_classes_are_told_of_at_the_end_and_in_eval",
    "tests/train/test_config_file.py::test_options_on_the_command_line_win",
    "tests/train/test_family.py::test_a_loss_that_is_not_finite_keeps_the_last_good_epoch",
    "tests/train/test_family.py::test_both_engines_train_the_same_network",
    "tests/train/test_normalising.py::test_a_quantised_network_normalises_raw_pixels",
    "tests/train/test_normalising.py::test_a_record_of_other_numbers_is_refused",
    "tests/train/test_normalising.py::test_c_normalises_raw_pixels_and_is_proven",
    "tests/train/test_notebook.py::test_the_notebook_for_own_pictures_runs_from_top_to_bottom",
    "tests/train/test_notebook.py::test_the_notebook_of_the_python_api_runs_from_top_to_bottom",
    "tests/train/test_own_network.py::test_what_cannot_be_trained_is_refused_before_a_run",
    "tests/train/test_pictures.py::test_a_run_draws_the_mistakes_of_its_kept_network",
    "tests/train/test_refusals.py::test_an_invalid_value_is_refused_before_data_is_loaded",
    "tests/train/test_refusals.py::test_the_last_good_epoch_is_kept_when_a_later_one_diverges",
    "tests/train/test_resume_refusals.py::test_fewer_epochs_than_complete_are_refused",
    "tests/train/test_schedules.py::test_a_run_older_than_schedules_resumes_at_its_constant_rate",
    "tests/train/test_train.py::test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads",
    "tests/verify/test_pair.py::test_files_of_one_network_are_the_same",
    "tests/verify/test_pair.py::test_the_command_compares_and_exits_with_the_verdict",
)

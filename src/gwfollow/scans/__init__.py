"""Omega scans: which channels of a detector were disturbed at the time of an event.

asked        model (what a scan is asked and answers, as JSON), asked (a request), channel_sets with set_reader, sections, fields, frame_types,
             omega_ini and old_scan_file (what people write), on_the_fly with frame_contents (what frames hold)
done         worker (the program), engine with chunk, memory, arrival, flags, interrupt, record (the order of the work, and its faults)
read         frames
transformed  resampling, conditioning, tiling, energy, qtransform, significance, correlation (the mathematics)
shown        outcome, pictures, panels, figure with raster, page, table, schema, drafts; progress and told for who only asks
gwdetchar    gwdetchar_engine with gwdetchar_inputs and gwdetchar_files: the installed gwdetchar-omega instead of all that
"""

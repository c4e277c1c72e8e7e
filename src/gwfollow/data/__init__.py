"""Frames: their names, where they are found, what stretch of time they cover, and whether they can be read.

names       a file's name says whose it is and what time it covers (LIGO-T050017)
segments    stretches of GPS time: covered, missing
coverage    which of the files found are needed for a stretch, and what is missing
discovery   where files are found: a folder, a gwdatafind server, GWOSC
lookup      where one frame type is looked for, way by way, and until when
folders     shared memory and archives read by names, many types and stretches in one look
arrival     data that are awaited: settled or not, and what follows
watch       one look for everybody who waits
frame_files one file opened: its channels and their samples
crew        processes that read, any of which a damaged file may end
blame       which file it was
fetch       a file into a folder: linked, copied, downloaded
strain      a file opened: length, sample rate, samples that are no numbers
envelopes   calibration envelopes: which of a folder is the event's, and whether it is whole
metafiles   PSDs, envelopes and samples in PESummary's files and GWTC releases
"""

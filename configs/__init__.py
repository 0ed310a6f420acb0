"""The configurations, each a file that `gsf-tf train --config=FILE:TEXT` finds by its name.

gsf                the GSF paper's experiments, by row: `gsf:resnet50_ssv2_16f`
rubiksnet          the RubiksNet paper's experiments and their pretraining, by row
controls           TSN, TSM and GSM beside them, by row
gsf_studies        the GSF paper's Tables 1 to 7, by row
rubiksnet_studies  the RubiksNet paper's Tables 4 and 5, by row
folder             one's own videos, by preset: `folder:gsf_mobilenetv2`
demo               clips of moving shapes, by preset
demo_rubiksnet     RubiksNet on the same clips, by preset
smoke              a short run with all features on, by preset

Values and recipes are in `gsf_tf.recipes`.
"""
